import subprocess
import sys

import pytest
import yaml

from components.component import PipelineError
from components.pipeline import DEMO, make_steps, read_config, run_pipeline
from tests.components.conftest import config_file

STEPS = ["ExampleGen", "Trainer", "Evaluator", "Pusher"]


def test_the_whole_pipeline_runs_and_pushes(results):
    assert [*results] == STEPS
    assert not any(result.skipped for result in results.values())
    assert results["Evaluator"].outputs["blessing"].verdict["blessed"]


def test_a_second_run_skips_every_step(results, config, capsys):
    again = run_pipeline(config)
    assert all(result.skipped for result in again.values())
    assert again["Pusher"].outputs == results["Pusher"].outputs
    assert capsys.readouterr().out.count("unchanged, skipped") == len(STEPS)


def test_another_threshold_measures_again_but_does_not_train(results, config, shop):
    strict = [{"stage": "ranking", "metric": "mrr", "at_least": 1.5}]  # no mrr exceeds 1
    with pytest.raises(PipelineError, match="the step Pusher failed: the run is not blessed") as caught:
        run_pipeline(config_file(config.parent, shop, thresholds=strict))
    assert "ranking mrr" in str(caught.value)
    trained = config.parent / "out" / "Trainer"
    assert [path.name for path in trained.iterdir()] == [results["Trainer"].outputs["run"].folder.parent.name]
    pushed = results["Pusher"].outputs["pushed"].version_folder
    assert [path.name for path in pushed.parent.iterdir()] == [pushed.name]


def test_the_bundled_pipeline_can_be_built():
    steps = make_steps(read_config(DEMO))
    assert [step.name for step in steps] == STEPS
    assert steps[0].parameters.dataset == "movielens"


def test_out_overrides_the_file(tmp_path, shop):
    config = config_file(tmp_path, shop, dataset=str(tmp_path / "nowhere"))
    with pytest.raises(PipelineError, match=r"the step ExampleGen failed: .*nowhere: no such folder"):
        run_pipeline(config, out=tmp_path / "elsewhere")


def test_the_split_of_the_settings_is_the_split_of_the_examples(tmp_path, shop):
    config = config_file(tmp_path, shop, settings={"data": {"split": "time", "repeats": "keep"}})
    parameters = make_steps(read_config(config))[0].parameters
    assert (parameters.split, parameters.repeats) == ("time", "keep")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "as a whole: Input should be a valid dictionary"),
        ("- list", "as a whole: Input should be a valid dictionary"),
        ("name: [", "cannot be read"),
        (yaml.safe_dump({"name": "x", "dataset": "y"}), "thresholds: Field required"),
        (yaml.safe_dump({"name": "x", "dataset": "y", "thresholds": [], "outt": "z"}), "outt: Extra inputs"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path, content, message):
    path = tmp_path / "config.yaml"
    path.write_text(content)
    with pytest.raises(PipelineError, match=message):
        read_config(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PipelineError, match=r"no\.yaml cannot be read"):
        read_config(tmp_path / "no.yaml")


def test_building_a_pipeline_needs_no_tensorflow():
    code = (
        "import sys; from components.pipeline import DEMO, make_steps, read_config; "
        "make_steps(read_config(DEMO)); sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

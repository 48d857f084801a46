import pytest

from components.component import PipelineError
from components.order import in_order
from components.runner import LocalRunner
from tests.components.steps import Shout, Write


@pytest.fixture(autouse=True)
def _count(monkeypatch):
    monkeypatch.setattr(Write, "calls", 0)
    monkeypatch.setattr(Shout, "calls", 0)


@pytest.fixture
def lines():
    return []


@pytest.fixture
def run(tmp_path, lines):
    def run(text="tea", shout=Shout):
        write = Write(text=text)
        return LocalRunner(tmp_path, report=lines.append).run(in_order([shout(text=write["text"]), write]))

    return run


def test_each_step_reads_what_the_one_before_wrote(run):
    results = run()
    shouted = results["Shout"].outputs["text"]
    assert shouted.content == "TEA"
    assert shouted.manifest.inputs == {"text": results["Write"].outputs["text"].fingerprint}


def test_a_second_run_does_nothing_and_finds_everything(run, lines):
    first, second = run(), run()
    assert (Write.calls, Shout.calls) == (1, 1)
    assert all(result.skipped for result in second.values())
    assert second["Shout"].outputs == first["Shout"].outputs
    assert lines[-2:] == ["[1/2] Write: unchanged, skipped", "[2/2] Shout: unchanged, skipped"]


def test_a_changed_parameter_runs_the_step_and_those_behind_it(run):
    run("tea")
    assert run("tools")["Shout"].outputs["text"].content == "TOOLS"
    assert (Write.calls, Shout.calls) == (2, 2)
    run("tea")  # still there
    assert (Write.calls, Shout.calls) == (2, 2)


def test_changed_code_runs_everything(run, monkeypatch):
    run()
    monkeypatch.setattr("components.runner.code_fingerprint", lambda *packages: "other code")
    run()
    assert (Write.calls, Shout.calls) == (2, 2)


def test_a_step_behind_a_rerun_that_gave_the_same_is_still_skipped(run):
    first = run()
    (first["Write"].outputs["text"].payload / "text.txt").write_text("spoilt")
    run()
    assert (Write.calls, Shout.calls) == (2, 1)


def test_what_is_read_from_outside_counts(run, monkeypatch):
    run()
    monkeypatch.setattr(Write, "outside", lambda self: {"file": "new content"})
    run()
    assert (Write.calls, Shout.calls) == (2, 1)


class Failing(Shout):
    error: Exception = ValueError("the tea is cold. Boil water.")

    def execute(self, inputs, outputs):
        (outputs["text"] / "text.txt").write_text("half")
        raise self.error


def test_an_error_names_the_step_and_leaves_nothing_that_looks_done(run):
    with pytest.raises(PipelineError, match=r"the step Failing failed: the tea is cold\. Boil water\."):
        run(shout=Failing)
    with pytest.raises(PipelineError, match="Failing"):
        run(shout=Failing)
    assert Write.calls == 1


def test_an_error_that_nobody_foresaw_keeps_its_trace_and_names_the_step(run, monkeypatch):
    monkeypatch.setattr(Failing, "error", ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError) as caught:
        run(shout=Failing)
    assert caught.value.__notes__ == ["in the step Failing"]

"""The command line: `tfrec COMMAND`. Nothing heavy is imported before a command needs it, so that help is instant."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tfrec.garbage import nothing_collected


class Commands(TyperGroup):
    """The commands; one that is interrupted says what became of its work before typer ends the process."""

    def invoke(self, ctx: Any) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo(
                "\nInterrupted. What was finished is kept; the same command goes on from there.", err=True
            )
            raise typer.Exit(130) from None


app = typer.Typer(
    name="tfrec",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Recommendations that read: recall, ranking and re-ranking with a language model at every stage.",
)
pipeline = typer.Typer(no_args_is_help=True, help="The TFX-style pipeline.")
app.add_typer(pipeline, name="pipeline")
index = typer.Typer(no_args_is_help=True, help="The items that a trained run can recommend.")
app.add_typer(index, name="index")

DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="A dataset folder, or a built-in name: movielens.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `tfrec train` wrote.")]
ToOption = Annotated[Path, typer.Option(help="MODELS/NAME; a version folder is made in it.")]


def main() -> None:
    """Runs the command line; known errors become one line and exit code 1."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        app()
    except Exception as error:
        if not _is_known(error):
            raise
        sys.exit(f"tfrec: {error}")


def _is_known(error: Exception) -> bool:
    """Whether the message says what to do, so that a stack trace would only hide it."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(
        names
        & {
            "DatasetError",
            "SchemaError",
            "ConfigError",
            "RunError",
            "EncoderNotFound",
            "GenerativeModelNotFound",
            "ServingError",
            "PipelineError",
            "ExplanationError",
        }
    )


@app.command()
def data(dataset: DatasetArgument) -> None:
    """Describe and check a dataset: what was inferred, what cleaning found."""
    from tfrec.data.dataset import load_dataset
    from tfrec.data.describe import describe

    print(describe(load_dataset(dataset)))


@app.command()
def train(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="The run's folder. An interrupted run there is finished.")],
    config: Annotated[Path | None, typer.Option(help="A YAML file of settings.")] = None,
    set_: Annotated[
        list[str], typer.Option("--set", metavar="STAGE.KEY=VALUE", help="One setting; may be repeated.")
    ] = [],  # noqa: B006
    split: Annotated[str | None, typer.Option(help="last-out or time")] = None,
    repeats: Annotated[
        str | None, typer.Option(help="first: an item counts once for a user; keep: all events count")
    ] = None,
    hide_items: Annotated[
        float | None, typer.Option(help="Share of the catalogue hidden from training (cold start).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
) -> None:
    """Train recall and ranking on a dataset."""
    from tfrec.config import load_config
    from tfrec.data.dataset import load_dataset
    from tfrec.progress import show_progress
    from tfrec.training import train as train_run

    options = {"data.split": split, "data.repeats": repeats, "data.hide_items": hide_items, "seed": seed}
    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    settings = load_config(config, [*set_, *given])
    show_progress()
    train_run(load_dataset(dataset), settings, out)
    print(f"Trained: {out}. Next: tfrec evaluate {out}; tfrec export {out} --to MODELS/NAME")


@app.command()
def evaluate(run: RunArgument, on: Annotated[str, typer.Option(help="test or valid")] = "test") -> None:
    """Measure every stage beside the baselines; writes RUN/evaluation/metrics.json and report.html."""
    from tfrec.evaluation.evaluate import evaluate as evaluate_run
    from tfrec.evaluation.findings import headline
    from tfrec.progress import metrics_table, show_progress
    from tfrec.run import Run

    if on not in ("test", "valid"):
        raise typer.BadParameter(f"--on must be test or valid. Received: {on}")
    show_progress()
    metrics = evaluate_run(Run.open(run), "valid" if on == "valid" else "test")
    print(metrics_table(metrics))
    print(headline(metrics).sentence)
    print(f"Report: {run / 'evaluation' / 'report.html'}")


@app.command()
def export(
    run: RunArgument,
    to: ToOption,
    rules: Annotated[
        Path | None,
        typer.Option(help="A rules.yaml that becomes the run's: this and later versions follow it."),
    ] = None,
) -> None:
    """Write the SavedModel that TensorFlow Serving loads."""
    from tfrec.run import Run

    opened = Run.open(run)
    if rules is not None:
        from tfrec.rule_file import adopt_rules

        adopt_rules(opened, rules)  # rules that cannot hold need not wait for TensorFlow
    with nothing_collected():
        from tfrec.export import export_run

        version = export_run(opened, to)
    print(f"Exported: {version}")


@index.command("add")
def index_add(
    run: RunArgument,
    new_items: Annotated[
        Path,
        typer.Argument(
            metavar="NEW_ITEMS",
            help="A parquet or csv file, or a folder with items.parquet or .csv: new ids, the catalogue's columns.",
        ),
    ],
    to: ToOption,
) -> None:
    """Publish a new version with further items and no training; later exports have them too."""
    from tfrec.run import Run

    opened = Run.open(run)  # a wrong folder need not wait for TensorFlow
    with nothing_collected():
        from tfrec.add_items import add_items

        version, new = add_items(opened, new_items, to)
    if new.report.findings:
        print(new.report)
    print(f"Added {len(new.item_ids):,} items: {version}")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def serve(context: typer.Context) -> None:
    """Serve models with TensorFlow Serving's own flags and wire API (see --help after serve)."""
    from serving.model_server.__main__ import main as serve_models

    sys.exit(serve_models(context.args))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def gateway(context: typer.Context) -> None:
    """Serve HTTP in front of a model server, with a memory of what users did (see --help after gateway)."""
    from serving.gateway.commands import main as run_gateway

    sys.exit(run_gateway(context.args))


@app.command()
def recommend(
    server: Annotated[str, typer.Option(help="HOST:PORT of the gRPC server.")] = "127.0.0.1:8500",
    user: Annotated[str, typer.Option(help="A known user's stored history is used without --history.")] = "",
    history: Annotated[str, typer.Option(help="Item ids, oldest first: a,b,c")] = "",
    text: Annotated[str, typer.Option(help="Free text: similar items are moved up.")] = "",
    exclude: Annotated[str, typer.Option(help="Item ids that may not come back: a,b,c")] = "",
    category: Annotated[str, typer.Option(help="Only items of these categories: a,b,c")] = "",
    liked: Annotated[str, typer.Option(help="Items of this session that were taken: a,b,c")] = "",
    disliked: Annotated[str, typer.Option(help="Items of this session that were refused: a,b,c")] = "",
    shown: Annotated[str, typer.Option(help="Items of this session that were passed over: a,b,c")] = "",
    diversity: Annotated[float | None, typer.Option(help="Strength of diversity, 0 to 1.")] = None,
    fairness: Annotated[float | None, typer.Option(help="Strength of fairness to items, 0 to 1.")] = None,
    exploration: Annotated[float | None, typer.Option(help="How far the order is drawn, 0 to 1.")] = None,
    language: Annotated[str, typer.Option(help="Of the reasons: en, zh.")] = "",
    context: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN=VALUE", help="The moment, as far as the model knows any; may be repeated."
        ),
    ] = [],  # noqa: B006
    k: Annotated[int, typer.Option("-k", "--k", help="How many.")] = 10,
    model: Annotated[str, typer.Option(help="The model's name on the server.")] = "recommender",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False,
) -> None:
    """Ask a running server over gRPC."""
    from serving.client import Client

    with Client(server, model=model) as client:
        found = client.recommend(
            user,
            history=_listed(history),
            query_text=text,
            exclude=_listed(exclude),
            allow_category=_listed(category),
            liked=_listed(liked),
            disliked=_listed(disliked),
            shown=_listed(shown),
            diversity=diversity,
            fairness=fairness,
            exploration=exploration,
            language=language,
            context=dict(_pair(setting) for setting in context),
            k=k,
        )
    for item in found:
        columns = {
            name: getattr(item, name)
            for name in ("item_id", "score", "retrieval_score", "ranking_score", "reason")
        }
        print(
            json.dumps(columns, ensure_ascii=False)
            if as_json
            else f"{item.item_id}\t{item.score:.4f}\t{item.reason}"
        )
    if not found:
        print(
            "Nothing is left to recommend: everything is seen, excluded or outside the categories.",
            file=sys.stderr,
        )


@app.command()
def explain(
    run: RunArgument,
    user: Annotated[str, typer.Option(help="A known user's stored history is used without --history.")],
    item: Annotated[str, typer.Option(help="An item of the run.")],
    history: Annotated[str, typer.Option(help="Item ids, oldest first: a,b,c")] = "",
) -> None:
    """Why an item has its ranking score for a user: by group of inputs and by event of the history."""
    from tfrec.run import Run

    opened = Run.open(run)  # a wrong folder need not wait for TensorFlow
    from tfrec.explain import Explainer
    from tfrec.funnel import Funnel
    from tfrec.progress import explanation_table
    from tfrec.writing import Writer

    funnel = Funnel.from_run(opened)
    print(explanation_table(Explainer(funnel)(user, item, _listed(history))))
    if opened.config.generative.folder:
        reason = Writer.from_funnel(funnel).reason(item, user, _listed(history))
        print(f"In words: {reason or '(the language model wrote no sentence that can be used)'}")


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B")],
) -> None:
    """Compare two evaluated runs, target by target, with intervals."""
    from tfrec.evaluation.compare import compare_runs
    from tfrec.progress import comparison_table

    print(comparison_table(compare_runs(run_a, run_b)))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the run and the model go.")] = Path("runs/demo"),
) -> None:
    """The bundled films end to end: train, measure, export, serve, and ask over gRPC."""
    from serving.demo import run_demo

    run_demo(out)


@pipeline.command("run")
def pipeline_run(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="CONFIG.yaml", help="By default the bundled components/demo.yaml."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where artifacts go, if not where the file says.")] = None,
) -> None:
    """Run the pipeline here; steps whose inputs have not changed are skipped."""
    from components.pipeline import run_pipeline
    from tfrec.progress import show_progress

    show_progress()
    run_pipeline(config, out=out)


@app.command()
def doctor() -> None:
    """Check the installation: packages, the language model, the bundled data."""
    from tfrec.doctor import diagnose

    sys.exit(diagnose())


def _pair(setting: str) -> tuple[str, str]:
    name, equals, value = setting.partition("=")
    if not equals:
        raise typer.BadParameter(f"--context must be COLUMN=VALUE. Received: {setting}")
    return name, value


def _listed(values: str) -> list[str]:
    return [value for value in values.split(",") if value]


if __name__ == "__main__":
    main()

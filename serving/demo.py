"""`tfrec demo`: the bundled films from table to gRPC answer, each step through the door that users take."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.client import Client
from serving.model_server.process import running_server
from tfrec.config import load_config
from tfrec.data.dataset import load_dataset
from tfrec.evaluation.evaluate import evaluate
from tfrec.evaluation.findings import headline
from tfrec.export import export_run
from tfrec.progress import metrics_table, show_progress
from tfrec.run import Run
from tfrec.training import train

log = logging.getLogger("tfrec.demo")
# the five more rankers that a slate model needs would take a third of the time
SETTINGS = ("retrieval.epochs=12", "retrieval.patience=2", "reranking.slate_model=false")
USERS, ITEMS = ("1", "42", "601"), 5
WISH = "a heist that goes wrong, told with dark humour"


def run_demo(out: Path) -> None:
    """Trains (or finds) the run `out/run`, exports it to `out/models/recommender`, serves it and asks it.

    Args:
        out: folder; an interrupted demo there goes on where it was.
    """
    show_progress()
    with _timed("train on the bundled MovieLens films"):
        run = train(load_dataset("movielens"), load_config(None, SETTINGS), out / "run")
    with _timed("measure every stage beside the baselines"):
        metrics = evaluate(run)
    print(metrics_table(metrics))
    print(headline(metrics).sentence)
    models = out / "models" / "recommender"
    with _timed("export one SavedModel"):
        version = export_run(run, models)
    print(f"Exported {version}")
    with running_server(models) as server, Client(server.grpc_address) as client:
        print(
            f"A model server with TensorFlow Serving's API answers at {server.grpc_address}; asking it over gRPC:"
        )
        _ask(run, client)
    print("\nAll of these came out of the SavedModel through gRPC.")
    print(f"Report: {out / 'run' / 'evaluation' / 'report.html'}")
    print(
        f"Serve it yourself: tfrec serve --model_name recommender --model_base_path {models.resolve()} --port 8500"
    )


def _ask(run: Run, client: Client) -> None:
    titles = dict(zip(run.items["item_id"], run.items["_title"], strict=True))
    history = {user: run.past("test").of(run.user_ids.index(user)) for user in USERS}
    for user in USERS:
        last = ", ".join(run.items["_title"].iloc[history[user][-3:]])
        print(f"\nUser {user}, who last watched {last}:")
        for item in client.recommend(user, k=ITEMS):
            print(f"  {titles[item.item_id]:<48.48} {item.score:.3f}  {item.reason}")
    print(f"\nSomebody new, who only says “{WISH}”:")
    for item in client.recommend("somebody-new", query_text=WISH, k=ITEMS):
        print(f"  {titles[item.item_id]:<48.48} {item.score:.3f}  {item.reason}")


@contextmanager
def _timed(what: str) -> Iterator[None]:
    log.info("%s …", what)
    started = time.perf_counter()
    yield
    log.info("%s: %.0f s", what, time.perf_counter() - started)

"""`tfrec index add`: a new version of a model with further items and no training."""

from pathlib import Path

from tfrec.additions import load_additions, make_addition, one_at_a_time, save_addition
from tfrec.data.dataset import Dataset
from tfrec.data.new_items import read_new_items
from tfrec.export import publish
from tfrec.funnel import Funnel
from tfrec.language import load_encoder
from tfrec.run import Run
from tfrec.text.cache import encode_cached


def add_items(run: Run, source: str | Path, to: str | Path) -> tuple[Path, Dataset]:
    """Publishes a version with further items, scored by what is known of them, and makes them part of the run.

    The version comes first: a call that was killed may be repeated as it is, and publishes once more.

    Args:
        run: a finished run; its evaluation stays as it is.
        source: a parquet or csv file, or a folder with `items`.parquet or .csv.
        to: MODELS/NAME.

    Returns:
        the folder of the new version, and the items.

    Raises:
        DatasetError: items that cannot be added; nothing is written then.
    """
    with one_at_a_time(run):
        earlier = load_additions(run)
        ids = [id_ for table in (run.items, *earlier) for id_ in table["item_id"]]
        widths = {column: width for column, (width, _) in run.content.spec.vectors.items()}
        new = read_new_items(source, run.schema, widths, ids)
        encoder = load_encoder(run)
        language = None if encoder is None else encode_cached(encoder, new.item_texts(), progress=True)
        addition = make_addition(run, new, language)
        funnel = Funnel.from_run(run, additions=[*earlier, addition], encoder=encoder, timed=True)
        version = publish(funnel.signatures, run, to)
        save_addition(run, addition)
    return version, new

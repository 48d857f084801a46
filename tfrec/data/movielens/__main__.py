"""Makes the bundled tables from GroupLens' files: `python -m tfrec.data.movielens RAW OUT`.

RAW is the unpacked ml-latest-small. The catalogue keeps the order of movies.csv; ratings are sorted by time,
then user id.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd


def build(raw: Path, out: Path) -> None:
    """Writes interactions.parquet, items.parquet, schema.yaml and README.txt into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    _write(interactions(raw), out / "interactions.parquet")
    _write(items(raw), out / "items.parquet")
    (out / "schema.yaml").write_text(
        "title: text\ngenres: category\nyear: number\ntags: text\nrating: label\n"
    )
    shutil.copyfile(raw / "README.txt", out / "README.txt")


def interactions(raw: Path) -> pd.DataFrame:
    """One row for each rating."""
    ratings = pd.read_csv(raw / "ratings.csv", dtype={"userId": str, "movieId": str, "rating": "float32"})
    ratings = ratings.rename(columns={"userId": "user_id", "movieId": "item_id"})
    return ratings.sort_values(["timestamp", "user_id"])[["user_id", "item_id", "timestamp", "rating"]]


def items(raw: Path) -> pd.DataFrame:
    """One row for each film: title, genres, year, and its users' tags in lower case, each once."""
    movies = pd.read_csv(raw / "movies.csv", dtype={"movieId": str}).rename(columns={"movieId": "item_id"})
    movies["year"] = movies["title"].str.extract(r"\((\d{4})\)\s*$")[0].astype("Int16")
    tags = pd.read_csv(raw / "tags.csv", dtype={"movieId": str}, keep_default_na=False)
    tags["tag"] = tags["tag"].str.lower().str.strip()
    of_film = tags.groupby("movieId")["tag"].agg(lambda film: "|".join(sorted(set(film))))
    return movies.assign(tags=movies["item_id"].map(of_film))


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_parquet(path, index=False, compression="zstd", compression_level=19)


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))

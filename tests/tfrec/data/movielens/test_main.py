"""The bundled tables, and how they are made."""

from tfrec.data.dataset import BUILT_IN, load_dataset
from tfrec.data.movielens.__main__ import build


def raw_files(folder):
    folder.mkdir()
    (folder / "movies.csv").write_text(
        'movieId,title,genres\n7,"Old Film, The (1950)",Drama|War\n3,Untold,(no genres listed)\n'
    )
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n2,7,4.5,20\n10,3,1.0,20\n1,7,3.0,10\n"
    )
    (folder / "tags.csv").write_text(
        "userId,movieId,tag,timestamp\n1,7,War ,1\n2,7,old,2\n3,7,war,3\n1,3,NA,4\n"
    )
    (folder / "README.txt").write_text("licence\n")
    return folder


def test_grouplens_files_become_a_dataset_folder(tmp_path):
    build(raw_files(tmp_path / "raw"), tmp_path / "out")
    dataset = load_dataset(tmp_path / "out")
    assert dataset.item_ids.tolist() == ["7", "3"]
    assert dataset.items["tags"].tolist() == ["old|war", "na"]
    assert dataset.items["year"].fillna(0).tolist() == [1950, 0]
    # at the same time user "10" comes before user "2": ids are strings
    assert dataset.interactions[["user_id", "item_id", "rating"]].to_numpy().tolist() == [
        ["1", "7", 3.0],
        ["10", "3", 1.0],
        ["2", "7", 4.5],
    ]
    assert (tmp_path / "out" / "README.txt").read_text() == "licence\n"


def test_the_bundle_is_small_and_carries_its_licence():
    files = [path for path in BUILT_IN["movielens"].iterdir() if path.suffix in (".parquet", ".yaml", ".txt")]
    assert {path.name for path in files} == {
        "interactions.parquet",
        "items.parquet",
        "schema.yaml",
        "README.txt",
    }
    assert sum(path.stat().st_size for path in files) <= 1.5 * 2**20
    assert "same license conditions" in (BUILT_IN["movielens"] / "README.txt").read_text()

"""Rows that cannot be used are counted by kind; the rest is in stable time order."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec.data.cleaning import CleaningReport, clean_entities, clean_interactions, report_of, seconds
from tfrec.data.errors import DatasetError


def interactions(*rows):
    return pd.DataFrame(list(rows), columns=["user_id", "item_id", "timestamp"]).astype(
        {"user_id": str, "item_id": str}
    )


def test_unusable_rows_are_dropped_and_counted_by_kind():
    rows = interactions(
        ["u", "a", "5"],
        ["", "a", "6"],
        ["u", "  ", "7"],
        ["u", "b", "soon"],
        ["u", "b", ""],
        ["v", "a", "4"],
        [" ", "", "x"],
    )
    kept, report = clean_interactions(rows)
    assert kept[["user_id", "item_id", "timestamp"]].to_numpy().tolist() == [["v", "a", 4.0], ["u", "a", 5.0]]
    assert report.counts == {
        "interactions with an empty user_id": 2,
        "interactions with an empty item_id": 1,
        "interactions with an unparsable timestamp": 2,
    }
    assert len(rows) == len(kept) + sum(report.counts.values())
    assert "'soon'" in str(report)


def test_ids_with_spaces_are_left_alone():
    kept, report = clean_interactions(interactions([" u 1", "a b ", 1]))
    assert kept.loc[0, ["user_id", "item_id"]].tolist() == [" u 1", "a b "]
    assert not report.findings


def test_equal_times_keep_file_order():
    items = [f"i{n}" for n in range(50)]
    kept, _ = clean_interactions(interactions(*(["u", item, n % 2] for n, item in enumerate(items))))
    assert kept["item_id"].tolist() == items[0::2] + items[1::2]


def test_repetitions_are_counted_and_kept():
    kept, report = clean_interactions(
        interactions(["u", "a", 1], ["u", "a", 1], ["u", "a", 2], ["v", "a", 1], ["u", "b", 1])
    )
    assert len(kept) == 5
    assert list(report.counts.values()) == [1, 1]
    assert [kind.split()[0] for kind in report.counts] == ["duplicate", "repeated"]


def test_no_usable_row_is_an_error_that_shows_the_count():
    with pytest.raises(
        DatasetError, match=r"none of the 2 rows is usable(.|\n)*2  interactions with an unparsable"
    ):
        clean_interactions(interactions(["u", "a", "x"], ["u", "a", "y"]))


def test_the_first_row_of_an_id_stays():
    rows = pd.DataFrame({"item_id": ["a", "", "b", "a"], "title": ["first", "none", "other", "second"]})
    kept, report = clean_entities(rows, "item_id")
    assert kept.to_numpy().tolist() == [["a", "first"], ["b", "other"]]
    assert report.counts == {"items with an empty item_id": 1, "duplicate items": 1}


def test_a_table_without_any_id_is_refused():
    with pytest.raises(DatasetError, match="'item_id' is empty in all 2 rows"):
        clean_entities(pd.DataFrame({"item_id": ["", None]}).astype(str).replace("None", ""), "item_id")


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(
        lambda time: time.replace(tzinfo=UTC, microsecond=0)
    )
)
def test_iso_times_are_unix_seconds(time):
    spellings = [time.isoformat(), time.isoformat().replace("+00:00", "Z"), str(int(time.timestamp()))]
    np.testing.assert_allclose(seconds(pd.Series(spellings)), [time.timestamp()] * 3)


def test_a_time_zone_is_heeded():
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()
    np.testing.assert_allclose(
        seconds(pd.Series(["2024-05-01T14:00:00+02:00", "2024-05-01 12:00"])), [noon, noon]
    )


def test_time_columns_of_every_unit_are_unix_seconds():
    for unit in ("s", "ms", "us", "ns"):
        times = pd.Series(np.array(["1970-01-01T00:01:00", "NaT"], f"datetime64[{unit}]"))
        np.testing.assert_array_equal(seconds(times), [60, np.nan])


def test_infinite_times_are_unparsable():
    assert np.isnan(seconds(pd.Series([np.inf, -np.inf, np.nan]))).all()


@given(st.lists(st.text(max_size=12) | st.none(), min_size=1, max_size=8))
def test_any_string_is_a_time_or_unparsable(texts):
    assert seconds(pd.Series(texts, dtype="str")).shape == (len(texts),)


def test_a_report_adds_up_and_prints_each_kind():
    report = report_of(("bad rows", 1234, "dropped"), ("odd rows", 0, "kept")) + report_of(
        ("late rows", 1, "kept")
    )
    assert report.counts == {"bad rows": 1234, "late rows": 1}
    assert str(report).splitlines() == ["    1,234  bad rows: dropped", "        1  late rows: kept"]
    assert "every row is usable" in str(CleaningReport())

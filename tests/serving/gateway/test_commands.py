"""`tfrec gateway ...`"""

import asyncio
import json
import stat

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.feature_store import features_of, open_store
from serving.gateway.commands import main
from serving.gateway.pseudonyms import load_pseudonyms


@pytest.fixture
def interactions(tmp_path):
    table = pa.table(
        {
            "user_id": [2, 1, 1, 1],  # ids are strings, however the file holds them
            "item_id": ["c", "b", "a", "b"],
            "timestamp": [5, 30, 20, 10],
            "event": ["purchase", "click", "unheard-of", "view"],
        }
    )
    pq.write_table(table, tmp_path / "interactions.parquet")
    return tmp_path


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path, capsys):
    folder = f"folder={tmp_path}"
    assert main(["key", "create", "shop", "--scopes", "read", "--set", folder]) == 0
    text = capsys.readouterr().out.strip()
    file = tmp_path / "keys.json"
    assert text.startswith("tfrec_shop_")
    assert text.split("_", 2)[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert main(["key", "create", "shop", "--set", folder]) == 1
    assert "Revoke it first" in capsys.readouterr().err
    assert main(["key", "revoke", "shop", "--set", folder]) == 0
    assert json.loads(file.read_text()) == {"keys": []}
    assert main(["key", "revoke", "shop", "--set", folder]) == 1


@pytest.mark.parametrize(("name", "scopes"), [("Shop", "read"), ("shop", "fly"), ("", "read")])
def test_a_key_needs_a_name_and_scopes(tmp_path, name, scopes):
    assert main(["key", "create", name, "--scopes", scopes, "--set", f"folder={tmp_path}"]) == 1
    assert not (tmp_path / "keys.json").exists()


def test_histories_are_imported_in_the_order_of_time_and_once(interactions, capsys):
    folder = interactions / "gateway"
    for _ in range(2):
        assert main(["import", str(interactions), "--set", f"folder={folder}"]) == 0
    assert "2 users" in capsys.readouterr().out

    async def histories():
        store, names = await open_store(str(folder / "events.sqlite")), load_pseudonyms(folder)
        found = [await store.events(names.of(user)) for user in ("1", "2")]
        await store.close()
        return found

    first, second = asyncio.run(histories())
    assert [(event.kind, event.item_id) for event in first] == [("view", "b"), ("view", "a"), ("click", "b")]
    assert features_of(first).history == ("a", "b")
    assert [event.kind for event in second] == ["purchase"]


def test_what_is_no_table_of_interactions_is_refused(tmp_path, capsys):
    pq.write_table(pa.table({"user_id": ["u"]}), tmp_path / "interactions.parquet")
    assert main(["import", str(tmp_path), "--set", f"folder={tmp_path}"]) == 1
    assert "lacks item_id, timestamp" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "none"), "--set", f"folder={tmp_path}"]) == 1

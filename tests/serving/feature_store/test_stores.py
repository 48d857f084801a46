"""Both stores keep the one contract."""

import asyncio

import pytest

from serving.feature_store import KEPT, Event, StoreError, open_store


def click(item: str, *, time: float = 0.0, event_id: str = "") -> Event:
    return Event("click", item, time, "s1", event_id)


def with_store(url, scenario):
    """Runs the coroutine function `scenario` on an open store."""

    async def run():
        store = await open_store(url)
        try:
            return await scenario(store)
        finally:
            await store.close()

    return asyncio.run(run())


def test_events_come_back_whole_and_in_order(store_url):
    sent = [
        Event("purchase", "ä|☕", 1.5, "s", "1"),
        Event("view", "b", 2.25),
        Event("impression", "c", 3.0, "s"),
    ]

    async def scenario(store):
        await store.append([("u", event) for event in sent])
        return await store.events("u"), await store.events("somebody else")

    assert with_store(store_url, scenario) == (sent, [])


def test_events_outlive_the_connection(store_url):
    with_store(store_url, lambda store: store.append([("u", click("a"))]))
    with_store(store_url, lambda store: store.append([("u", click("b"))]))
    found = with_store(store_url, lambda store: store.events("u"))
    assert [event.item_id for event in found] == ["a", "b"]


def test_an_event_that_is_sent_again_counts_once(store_url):
    async def scenario(store):
        await store.append([("u", click("a", event_id="1")), ("u", click("a", event_id="1"))])
        await store.append([("u", click("b", event_id="2")), ("u", click("a", event_id="1"))])
        await store.append([("v", click("a", event_id="1")), ("u", click("c")), ("u", click("c"))])
        return await store.events("u"), await store.events("v")

    of_u, of_v = with_store(store_url, scenario)
    assert [event.item_id for event in of_u] == ["a", "b", "c", "c"]
    assert [event.item_id for event in of_v] == ["a"]


def test_the_newest_stay_and_impressions_push_no_interaction_out(store_url):
    async def scenario(store):
        await store.append([("u", click("first"))])
        await store.append([("u", Event("impression", f"i{n}", n)) for n in range(KEPT + 5)])
        await store.append([("u", click(f"c{n}", event_id=f"{n}")) for n in range(KEPT - 1)])
        before = await store.events("u")
        await store.append([("u", click("last"))])
        return before, await store.events("u")

    before, after = with_store(store_url, scenario)
    assert [event.item_id for event in before if event.is_impression] == [f"i{n + 5}" for n in range(KEPT)]
    clicks = [[event.item_id for event in events if not event.is_impression] for events in (before, after)]
    assert clicks[0] == ["first", *(f"c{n}" for n in range(KEPT - 1))]
    assert clicks[1] == [*clicks[0][1:], "last"]


def test_erasing_leaves_nothing_of_one_user_and_all_of_the_others(store_url):
    async def scenario(store):
        await store.append(
            [("u", click("a", event_id="1")), ("u", Event("impression", "b", 0.0)), ("v", click("c"))]
        )
        erased = [await store.erase("u"), await store.erase("u")]
        await store.append([("u", click("again", event_id="1"))])
        return erased, await store.events("u"), await store.events("v")

    erased, of_u, of_v = with_store(store_url, scenario)
    assert erased == [2, 0]
    assert [event.item_id for event in of_u] == ["again"]  # the id of an erased event is free
    assert [event.item_id for event in of_v] == ["c"]


def test_many_writers_at_once_lose_nothing(store_url):
    async def scenario(store):
        await asyncio.gather(*(store.append([(f"u{n % 7}", click(f"{n}"))]) for n in range(350)))
        return [await store.events(f"u{n}") for n in range(7)]

    found = with_store(store_url, scenario)
    for user, events in enumerate(found):
        assert {event.item_id for event in events} == {f"{n}" for n in range(350) if n % 7 == user}


def test_two_stores_on_one_place_see_each_other(store_url):
    async def scenario(store):
        other = await open_store(store_url)
        await asyncio.gather(*(s.append([("u", click(f"{n}"))]) for n in range(20) for s in (store, other)))
        found = await other.events("u")
        await other.close()
        return found

    assert len(with_store(store_url, scenario)) == 40


def test_a_place_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "text").write_text("no database, and longer than a header of SQLite would be" * 10)
    with pytest.raises(StoreError, match="cannot be opened"):
        asyncio.run(open_store(str(tmp_path / "text")))
    with pytest.raises(StoreError, match="does not answer"):
        asyncio.run(open_store("redis://127.0.0.1:1/0"))


def test_redis_must_sync_before_it_answers(start_redis, tmp_path):
    lax = start_redis(tmp_path, fsync="everysec")
    with pytest.raises(
        StoreError, match=r"--appendfsync always.*Received: appendonly yes, appendfsync everysec"
    ):
        asyncio.run(open_store(lax.url))
    found = with_store(f"{lax.url}?durability=unchecked", lambda store: store.events("u"))
    assert found == []


def test_a_redis_that_went_away_is_a_store_error(start_redis, tmp_path):
    server = start_redis(tmp_path)

    async def scenario(store):
        server.kill()
        with pytest.raises(StoreError, match="does not answer"):
            await store.append([("u", click("a"))])

    with_store(server.url, scenario)


def test_erased_bytes_are_gone_from_the_sqlite_file(tmp_path):
    async def scenario(store):
        await store.append([("pseudonym-of-u", click("a"))])
        await store.erase("pseudonym-of-u")

    with_store(str(tmp_path / "events.sqlite"), scenario)
    assert all(b"pseudonym-of-u" not in file.read_bytes() for file in tmp_path.iterdir())

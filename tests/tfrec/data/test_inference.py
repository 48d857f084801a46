"""What a column is taken for, and why."""

import numpy as np
import pandas as pd
import pytest

from tfrec.data.inference import guess_role, infer_schema
from tfrec.schema import Role, SchemaError

N = 200
ROWS = range(N)
COLOURS = ["red", "green", "light blue"]


def column(name, values):
    return pd.Series(list(values), name=name)


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("title", (f"The Film {n}" for n in ROWS), Role.TEXT),
        ("title", ("same",) * N, Role.TEXT),
        ("Title", ("same",) * N, Role.TEXT),
        ("about", (f"words and words {n}" for n in ROWS), Role.TEXT),
        ("about", (f"映画第{n}号" for n in ROWS), Role.TEXT),
        ("artist", (chr(97 + n % 26) * (1 + n // 26) for n in ROWS), Role.TEXT),
        ("notice", ("a long note that is the same for every single item of the whole shop",) * N, Role.TEXT),
        ("colour", (COLOURS[n % 3] for n in ROWS), Role.CATEGORICAL),
        ("colours", ("|".join(COLOURS[: 1 + n % 3]) for n in ROWS), Role.CATEGORICAL),
        ("tags", (f"tag {n}|tag {2 * n}" for n in ROWS), Role.TEXT),
        ("tags", (f"tag{n}" for n in ROWS), Role.TEXT),
        ("in_stock", (["true", "false"][n % 2] for n in ROWS), Role.CATEGORICAL),
        ("price", (float(n) for n in ROWS), Role.NUMBER),
        ("stars", (n % 5 for n in ROWS), Role.NUMBER),
        ("since", pd.date_range("2020-01-01", periods=N), Role.NUMBER),
        ("since", (f"20{n % 90 + 10}-01-31" for n in ROWS), Role.NUMBER),
        ("shop_id", (n % 5 for n in ROWS), Role.CATEGORICAL),
        ("imdbId", ROWS, Role.IGNORE),
        ("sku", (f"A-{n:05}" for n in ROWS), Role.IGNORE),
        ("cover", (f"https://films.example/posters/{n % 3}" for n in ROWS), Role.IGNORE),
        ("empty", (None,) * N, Role.IGNORE),
        ("blank", (" ",) * N, Role.IGNORE),
        ("image", (np.full(4, n, np.float32) for n in ROWS), Role.VECTOR),
        ("image", (f"[{n}.5, -1.0, 2e-3]" for n in ROWS), Role.VECTOR),
        ("odd", ({"a": n} for n in ROWS), Role.IGNORE),
    ],
)
def test_a_column_is_taken_for_what_it_holds(name, values, role):
    guessed, why = guess_role(column(name, values))
    assert (guessed, bool(why)) == (role, True)


def test_missing_values_do_not_change_the_guess():
    sparse = [f"The Film {n}" if n % 5 == 0 else None for n in ROWS]
    assert guess_role(column("about", sparse))[0] == Role.TEXT


def schema_of(items=None, users=None, interactions=None, given=None):
    items = pd.DataFrame({"item_id": [str(n) for n in ROWS], **(items or {})})
    users = pd.DataFrame({"user_id": [str(n) for n in ROWS], **(users or {})})
    keys = {"user_id": users["user_id"], "item_id": items["item_id"], "timestamp": np.arange(N)}
    return infer_schema(items, users, pd.DataFrame({**keys, **(interactions or {})}), given=given)


def test_the_first_filled_category_name_is_the_category():
    colours = [COLOURS[n % 3] for n in ROWS]
    assert schema_of({"brand": colours, "genres": colours})[0].category_column == "genres"
    assert schema_of({"brand": colours, "categories": [""] * N})[0].category_column == "brand"
    assert (
        schema_of({"brand": colours, "category": [None] * (N - 3) + ["x"] * 3})[0].category_column == "brand"
    )
    assert schema_of({"colour": colours})[0].category_column is None


def test_a_second_category_name_is_guessed_by_its_values():
    schema, _ = schema_of({"brand": [COLOURS[n % 3] for n in ROWS], "genres": [COLOURS[n % 2] for n in ROWS]})
    assert schema.items == {"brand": Role.CATEGORICAL, "genres": Role.CATEGORY}


def test_outcomes_are_labels_and_the_rest_is_context():
    schema, _ = schema_of(
        interactions={
            "rating": np.arange(N) % 5,
            "event": ["view", "buy"] * (N // 2),
            "quantity": np.arange(N),
            "device": ["phone", "desk"] * (N // 2),
            "temperature": np.linspace(0, 30, N),
            "order_id": [f"{n // 2}" for n in ROWS],
            "review": [f"I liked it for {n} reasons" for n in ROWS],
        }
    )
    assert schema.columns("interactions", Role.LABEL) == ["rating", "event", "quantity"]
    assert schema.columns("interactions", Role.CONTEXT) == ["device", "temperature"]
    assert schema.columns("interactions", Role.IGNORE) == ["order_id", "review"]


def test_given_roles_override_the_guess_in_every_table_that_has_the_column():
    numbers = np.arange(N)
    schema, reasons = schema_of({"age": numbers}, {"age": numbers}, given={"age": Role.IGNORE})
    assert schema.items["age"] == schema.users["age"] == Role.IGNORE
    assert reasons["items.age"] == reasons["users.age"] == "schema.yaml says so"


def test_a_given_category_leaves_no_second_one():
    colours = [COLOURS[n % 3] for n in ROWS]
    schema, _ = schema_of({"genres": colours, "mood": colours}, given={"mood": Role.CATEGORY})
    assert schema.items == {"genres": Role.CATEGORICAL, "mood": Role.CATEGORY}
    without, _ = schema_of({"genres": colours, "brand": colours}, given={"genres": Role.TEXT})
    assert without.items == {"genres": Role.TEXT, "brand": Role.CATEGORY}


def test_a_given_column_that_is_nowhere_is_refused():
    with pytest.raises(SchemaError, match=r"'colour': unknown column\. The tables have: title"):
        schema_of({"title": ["x"] * N}, given={"colour": Role.TEXT})


def test_every_role_has_a_reason():
    _, reasons = schema_of({"title": ["x y"] * N}, {"age": np.arange(N)}, {"rating": np.arange(N)})
    assert set(reasons) == {"items.title", "users.age", "interactions.rating"}
    assert all(reasons.values())

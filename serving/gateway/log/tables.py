"""The two tables a gateway writes for training and off-policy evaluation.

`events` has the columns of a dataset's interactions (user_id holds pseudonyms), so `tfrec train` reads it as it is.
`impressions` has one row for each list served: what was known, what was chosen, how probable each choice was, and by
which version of the model. They join on `slate_id`.
"""

import pyarrow as pa

EVENTS = pa.schema(
    {
        "user_id": pa.string(),
        "item_id": pa.string(),
        "timestamp": pa.float64(),  # unix seconds
        "event": pa.string(),
        "session": pa.string(),
        "event_id": pa.string(),
        "slate_id": pa.string(),
    }
)
IMPRESSIONS = pa.schema(
    {
        "slate_id": pa.string(),
        "user_id": pa.string(),
        "timestamp": pa.float64(),
        "session": pa.string(),
        "caller": pa.string(),
        "model_version": pa.int64(),  # 0: nothing is known of it
        "fallback": pa.string(),  # "" if the model answered
        "history": pa.list_(pa.string()),
        "exclude": pa.list_(pa.string()),
        "allow_category": pa.list_(pa.string()),
        "liked": pa.list_(pa.string()),
        "disliked": pa.list_(pa.string()),
        "shown": pa.list_(pa.string()),
        "exploration": pa.float64(),  # 0: the list follows from the row
        "has_text": pa.bool_(),  # the text itself may name people
        "item_id": pa.list_(pa.string()),
        "score": pa.list_(pa.float64()),
        "propensity": pa.list_(
            pa.float64()
        ),  # of this item at this place, given the row and the items before
    }
)

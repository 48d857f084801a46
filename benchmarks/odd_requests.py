"""Requests that no client would send, drawn by hypothesis: broken tensors, wrong types, JSON of any shape, bytes.

Each strategy gives what goes over the wire, for a model of which the signatures and their inputs are known.
"""

import json
from collections.abc import Collection, Mapping

from hypothesis import strategies as st

from serving import wire

Signatures = Mapping[str, Collection[str]]  # signature → names of its inputs

METHODS = ("Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata")
VERBS = ("predict", "classify", "regress")

tensors = st.builds(
    lambda dtype, dims, content, floats, strings, ints: wire.TensorProto(
        dtype=dtype,
        tensor_shape={"dim": [{"size": size} for size in dims]},
        tensor_content=content,
        float_val=floats,
        string_val=strings,
        int_val=ints,
    ),
    st.integers(0, 25),
    st.lists(st.sampled_from([-1, 0, 1, 2, 3, 1 << 40]), max_size=3),
    st.binary(max_size=12) | st.just(b""),
    st.lists(st.floats(width=32), max_size=4),
    st.lists(st.binary(max_size=4), max_size=4),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "words", "b64"]), inner, max_size=2)
    ),
    max_leaves=8,
)


def predict_messages(model: str, signatures: Signatures) -> st.SearchStrategy[bytes]:
    """PredictRequests that can be parsed, whatever they ask."""
    inputs = sorted({name for names in signatures.values() for name in names} | {"inputs", "zz"})
    return st.builds(
        lambda name, signature, tensors, wanted: wire.PredictRequest(
            model_spec={"name": name, "signature_name": signature}, inputs=tensors, output_filter=wanted
        ).SerializeToString(),
        st.sampled_from([model, model, "", "nope"]),
        st.sampled_from(["", *sorted(signatures), "nope"]),
        st.dictionaries(st.sampled_from(inputs), tensors, max_size=3),
        st.lists(st.sampled_from(["y", "sum", "score", "item_id", "zz"]), max_size=2),
    )


def rest_bodies(signatures: Signatures) -> st.SearchStrategy[bytes]:
    """Bodies for the three verbs: JSON of the right outline, or bytes."""
    shaped = st.builds(
        lambda signature, key, value: json.dumps({"signature_name": signature, key: value}).encode(),
        st.sampled_from(["", *sorted(signatures), "nope"]),
        st.sampled_from(["instances", "inputs", "examples"]),
        values,
    )
    return shaped | st.binary(max_size=40)


def http_heads(model: str) -> st.SearchStrategy[bytes]:
    """What stands before a body in HTTP/1.1, mostly wrong."""
    return st.builds(
        lambda method, path, version, header, end: f"{method} {path} {version}\r\n{header}\r\n{end}".encode(
            "utf-8", "surrogatepass"
        ),
        st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "BREW", "", "é"]),
        st.sampled_from(
            [
                "/",
                f"/v1/models/{model}",
                f"/v1/models/{model}/versions/99999999999999999999",
                "/v1/models/%00",
            ]
        )
        | st.text(min_size=1, max_size=12),
        st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "HTTP", ""]),
        st.sampled_from(
            [
                "Content-Length: -1",
                "Content-Length: x",
                "Content-Encoding: gzip",
                "Transfer-Encoding: chunked",
                "A",
            ]
        )
        | st.text(max_size=12),
        st.sampled_from(["\r\n", "\r\n", "\r\nzz\r\n", ""]),
    )

"""Asks a server with ovmsclient and prints what it said as JSON: KIND ADDRESS MODEL VERSION. Runs in ovmsclient's own
environment; nothing of this project is imported."""

import json
import sys

import numpy as np
from ovmsclient import make_grpc_client, make_http_client

kind, address, model, version = sys.argv[1:]
client = (make_grpc_client if kind == "grpc" else make_http_client)(address)
inputs = {"user_id": np.array(["u"]), "history": np.array([[""]])}
if kind == "grpc":
    inputs = {name: np.char.encode(value) for name, value in inputs.items()}
found = client.predict(inputs=inputs, model_name=model, model_version=int(version))
items = [item.decode() if isinstance(item, bytes) else str(item) for item in found["item_id"][0][:5]]
status = client.get_model_status(model_name=model, model_version=int(version))
print(json.dumps({"state": status[int(version)]["state"], "items": items}))

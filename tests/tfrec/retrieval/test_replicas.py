"""Two replicas compute the loss and take the step of one. Logical devices must be made first, so it is a process."""

import json
import os
import subprocess
import sys

import numpy as np

SCRIPT = """
import json
import tfrec, numpy as np, tensorflow as tf, keras
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tfrec.config import RetrievalConfig
from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.retrieval.fit import build_two_tower
ITEMS, USERS = 9, 8
rng = np.random.default_rng(0)
item = rng.integers(0, ITEMS, USERS * 4).astype(np.int32)
h = Histories(item, np.arange(USERS + 1) * 4, np.zeros(len(item)))
content = ItemContent(ContentSpec(0, {}, {}, (), ()), np.zeros((ITEMS + 1, 0)), np.zeros((ITEMS + 1, 1), np.int32))
config = RetrievalConfig(dim=4, length=4, blocks=1, dropout=0.0, id_dropout=0.0, negatives=1000, learning_rate=0.1)
rows = h.tail_rows(4)
rows[-2:, 2:] = 0  # the replicas have unlike numbers of events
following = np.roll(rows, -1, 1)
following[:, -1] = 0
following[-2:, 1:] = 0
inputs = {"history": rows, "user": np.zeros(USERS, np.int32)}
batches = tf.data.Dataset.from_tensor_slices((inputs, following)).batch(USERS)
for replicas in (["CPU:0"], ["CPU:0", "CPU:1"]):
    keras.utils.set_random_seed(0)
    with tf.distribute.MirroredStrategy(replicas).scope():
        model = build_two_tower(h, content, config)
        model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    fitted = model.fit(batches, epochs=3, verbose=0, shuffle=False)
    print(json.dumps({"loss": fitted.history["loss"], "vectors": model.item_vectors().numpy().tolist()}))
"""


def trained() -> list[dict]:
    """By one replica, then by two."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()[-2:]]


def test_two_replicas_learn_as_one_does():
    """With the whole catalogue as candidates nothing is drawn at random, and all figures must agree."""
    one, two = trained()
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=1e-4)
    np.testing.assert_allclose(two["vectors"], one["vectors"], atol=1e-4)
    assert one["loss"][-1] < one["loss"][0]

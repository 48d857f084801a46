"""TFRS wants `tf.keras` to be Keras 2; whoever uses tfrec in whatever order must not have to know."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("first", ["TextEncoder", "TwoTower"])
def test_text_and_recall_can_be_imported_in_any_order(first):
    code = f"import tfrec; tfrec.{first}; tfrec.TextEncoder, tfrec.TwoTower"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, timeout=120, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr

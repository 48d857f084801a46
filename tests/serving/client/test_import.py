"""The client is light: what it loads, and how long that takes."""

import json
import subprocess
import sys

CODE = """
import json, sys, time
import serving.client
heavy = ("tensorflow", "numpy", "tfrec", "keras", "pandas", "tensorflow_serving")
print(json.dumps([[name for name in heavy if name in sys.modules], time.process_time()]))
"""


def test_the_client_loads_quickly_and_without_heavy_modules():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    loaded, seconds = json.loads(done.stdout)
    assert loaded == []
    assert seconds < 0.4  # of processor time, the interpreter's own start included

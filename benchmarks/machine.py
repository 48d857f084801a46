"""What a figure was measured on: it stands beside every raw result."""

import os
import platform
from importlib.metadata import version
from typing import Any

PACKAGES = ("tensorflow", "keras", "tensorflow-recommenders", "tensorflow-text", "numpy", "grpcio")


def describe_machine() -> dict[str, Any]:
    """Processor, cores, load, Python and package versions."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = {line.partition(":")[2].strip() for line in file if line.startswith("model name")}
    return {
        "processor": ", ".join(sorted(models)) or platform.processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }

"""Where the raw figures of a serving benchmark go: on the screen, and into a file if one is named."""

import json
from pathlib import Path
from typing import Any


def show_and_keep(figures: dict[str, Any], out: Path | None) -> None:
    """Prints figures as JSON, and writes them to `out`, where it is given."""
    text = json.dumps(figures, indent=2)
    print(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")

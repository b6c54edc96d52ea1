"""What the interface was when it was last looked at: files beside the tests, compared with what is found today.

REWRITE=1 python -m pytest tests/interface

writes the files anew in place of comparing. A change that means to alter the interface does so in the same commit, and
its difference in these files is read as what users will notice.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
REWRITE = os.environ.get("REWRITE") == "1"


def kept_text(name: str, find: Callable[[], str]) -> str:
    """The content of a text file in this folder, where what `find` gives is written first if it is to be rewritten."""
    path = FOLDER / name
    if REWRITE:
        path.write_text(find(), encoding="utf-8")
    assert path.is_file(), f"{path} is missing; REWRITE=1 writes it"
    return path.read_text(encoding="utf-8")


def kept_json(name: str, find: Callable[[], Any]) -> Any:
    """The same of a JSON file."""
    return json.loads(kept_text(name, lambda: json_text(find())))


def json_text(value: Any) -> str:
    """Indented, but lists of plain values on a line each."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    return re.sub(r"\[\n\s+([^\[\]{}]*?)\n\s+\]", lambda found: "[" + re.sub(r",\n\s+", ", ", found[1]) + "]", text)


def missing(kept: Any, found: Any, where: str = "") -> list[str]:
    """What of `kept` isn't in `found`, or is otherwise there, a line each. Objects may have gained keys, nested too."""
    if not (isinstance(kept, dict) and isinstance(found, dict)):
        return [] if kept == found else [f"{where}: {kept!r} → {found!r}"]
    places = {key: f"{where}.{key}" if where else key for key in kept}
    gone = [f"{place}: gone" for key, place in places.items() if key not in found]
    both = [(key, place) for key, place in places.items() if key in found]
    return gone + [line for key, place in both for line in missing(kept[key], found[key], place)]

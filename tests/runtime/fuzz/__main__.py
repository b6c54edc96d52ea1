"""Replays one case in a child with limits, and keeps its bundle: `python -m tests.runtime.fuzz KIND SEED [NEW_FOLDER]`.

From the repository's root. KIND is damaged, described or graph, SEED as a report gives it. Prints what became of it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.runtime.fuzz import cases
from tests.runtime.fuzz.bases import read_bases, write_bases
from tests.runtime.fuzz.zygote import Children

if __name__ == "__main__":
    kind, seed, *kept = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place:
        write_bases(Path(place))
        with Children(Path(place)) as children:
            print(json.dumps(next(children.run(kind, [int(seed)])), indent=2, ensure_ascii=False))
        if kept:
            folder = Path(kept[0])
            folder.mkdir(parents=True)
            cases.make(kind, int(seed), read_bases(Path(place)), folder)

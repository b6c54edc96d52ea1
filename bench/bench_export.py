"""Records `attngan-export bench` of a shipped bundle, or of a bundle and its run, in bench/results.

python bench/bench_export.py [BUNDLE_OR_NAME [RUN_OR_NAME]]
"""

from __future__ import annotations

import sys
from pathlib import Path

from attngan_export.bench.bench import report, run_bench, write_json

RESULTS = Path(__file__).with_name("results")


def main(bundle: str = "fashion-32", against: str | None = None) -> None:
    """Prints the table and writes bench/results/export_NAME.json."""
    figures = run_bench(bundle, against)
    print(report(figures))
    RESULTS.mkdir(exist_ok=True)
    write_json(figures, RESULTS / f"export_{figures['bundle']}.json")


if __name__ == "__main__":
    main(*sys.argv[1:])

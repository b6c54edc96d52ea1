"""The page in headless Chromium: from the end of the bundle's download to the first picture; and pictures after it.

`python bench/bench_page.py` writes bench/results/page.json. Needs `make .venv/.web`.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from output import quantiles, write_json
from page_host import headless_chromium, hosted
from playwright.sync_api import Browser

from attngan_export.versions import device
from attngan_runtime.bundle import find_bundle, shipped_names

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "page.json"
LOADS = 7  # of each page, in contexts of their own, so that nothing is cached


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, hosted(Path(folder)) as address, headless_chromium() as browser:
        for name in shipped_names():
            build = ["node", str(ROOT / "export/web/build.js"), str(find_bundle(name)), f"{folder}/{name}"]
            subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        rounds = [{name: measure(browser, f"{address}/{name}/") for name in shipped_names()} for _ in range(LOADS)]
        figures = {
            "device": device(), "chromium": browser.version,
            "pages": {name: summary([found[name] for found in rounds]) for name in shipped_names()},
        }  # fmt: skip
    write_json(RESULTS, figures)
    for name, page in figures["pages"].items():
        first, following = page["first_s"]["median"], page["next_ms"]["median"]
        print(f"{name}: first {first:.2f} s after the download, then {following:.0f} ms")


def measure(browser: Browser, address: str) -> tuple[float, float]:
    """Seconds from the end of the bundle's download to the first picture or sentence, and ms of a later one."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("main:not([hidden])", timeout=60_000)
    page.wait_for_selector("main[aria-busy=false]", timeout=60_000)
    first = page.evaluate("performance.getEntriesByName('download to first')[0].duration") / 1e3
    page.fill("#seed", "100")
    page.wait_for_selector("main[aria-busy=false]", timeout=60_000)
    following = float(str(page.text_content("#time")).split()[0])
    context.close()
    return first, following


def summary(found: list[tuple[float, float]]) -> dict[str, Any]:
    first, following = zip(*found, strict=True)
    return {"first_s": quantiles(first), "next_ms": quantiles(following)}


if __name__ == "__main__":
    main()

"""The module in Node, and in a Chromium that has each shipped generator as a built site, on one server."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from attngan_runtime.bundle import find_bundle, shipped_names
from bench.page_host import Files, headless_chromium, hosted

_PRELUDE = """
const bytes64 = values => {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
};
"""


class Changing(Files):
    """Files, which are sent whole each time where a test changes them."""

    def end_headers(self) -> None:
        if self.path.startswith("/test_"):  # a test's own bundle, which can change twice within a second
            self.send_header("Cache-Control", "no-store")
        super().end_headers()


@dataclass(frozen=True)
class Site:
    """A folder that is served, with a build of each shipped generator in a folder of its name."""

    root: Path
    address: str  #: such as http://127.0.0.1:40123


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    assert path, "chromium is missing; run: apt-get install chromium"
    with headless_chromium(path) as opened:
        yield opened


@pytest.fixture(scope="session")
def site(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """What `node build.js` makes of each shipped bundle; blank.html there is a page with the import map alone."""
    root = tmp_path_factory.mktemp("site")
    for name in shipped_names():
        command = ["node", str(installed / "build.js"), str(find_bundle(name)), str(root / name)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (root / name / "blank.html").write_text(f"<!doctype html>{import_map(root / name)}")
    with hosted(root, Changing) as address:
        yield Site(root, address)


def import_map(build: Path) -> str:
    """The element in the page of a build that says where modules are."""
    (found,) = re.findall(r'<script type="importmap">.*?</script>', (build / "index.html").read_text(), re.S)
    return str(found)


Run = Callable[[str, list[Any]], Any]  #: of a body with its arguments


@dataclass(frozen=True)
class JavaScript:
    """Where JavaScript runs: `node` or `browser`.

    Called with the body of an asynchronous function and its arguments, `given`, it gives what that returns. The body
    has `module` (attngan.js), `ort` (ONNX Runtime) and `bytes64`, which `values_of` reads.
    """

    name: str
    run: Run
    address: Callable[[Path], str]
    folders: dict[str, Path]  #: of shipped bundles
    space: Path  #: a folder of the running test alone, for bundles that it changes

    def __call__(self, body: str, *given: Any) -> Any:
        return self.run(body, list(given))

    def url(self, bundle: str | Path) -> str:
        """What `load` takes for a shipped bundle, or for one in a folder below `space`."""
        return self.address(self.folders[bundle] if isinstance(bundle, str) else bundle)

    def copy(self, name: str) -> Path:
        """A copy of a shipped bundle, to change."""
        return Path(shutil.copytree(self.folders[name], self.space / name, dirs_exist_ok=True))


# Runs one body after another, each a line of JSON on stdin, and answers with a line.
_NODE = f"""
    {_PRELUDE}
    import {{ createInterface }} from "node:readline";
    const module = await import("./attngan.js"), ort = (await import("onnxruntime-node")).default;
    const AsyncFunction = (async () => {{}}).constructor;
    for await (const line of createInterface({{ input: process.stdin }})) {{
      const {{ body, given }} = JSON.parse(line);
      const run = new AsyncFunction("module", "ort", "bytes64", "given", body);
      const answer = await run(module, ort, bytes64, given).then(
        found => ({{ found: found ?? null }}), error => ({{ thrown: String(error?.stack ?? error) }}));
      process.stdout.write(JSON.stringify(answer) + "\\n");
    }}
"""


@pytest.fixture(scope="session")
def running_node(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a body in a Node that one test uses after another: to start it takes longer than most tests."""
    said = tmp_path_factory.mktemp("node") / "stderr"
    command, pipe = ["node", "--input-type=module", "-e", _NODE], subprocess.PIPE
    with (
        said.open("wb") as stderr,
        subprocess.Popen(command, cwd=installed, stdin=pipe, stdout=pipe, stderr=stderr, encoding="utf-8") as process,
    ):
        assert process.stdin is not None and process.stdout is not None

        def run(body: str, given: list[Any]) -> Any:
            print(json.dumps({"body": body, "given": given}), file=process.stdin, flush=True)
            line = process.stdout.readline()
            assert line, f"node ended: {said.read_text()}"
            answer = json.loads(line)
            assert "thrown" not in answer, answer["thrown"]
            assert said.read_text() == ""
            return answer["found"]

        yield run
        process.stdin.close()
        assert process.wait(timeout=30) == 0


@pytest.fixture
def node(running_node: Run, tmp_path: Path) -> JavaScript:
    """Node, which opens bundles by their paths."""
    return JavaScript("node", running_node, str, {name: find_bundle(name) for name in shipped_names()}, tmp_path)


@pytest.fixture(scope="session")
def blank(browser: Browser, site: Site) -> Iterator[Page]:
    """A page that one test uses after another, so that ONNX Runtime is compiled once."""
    page = browser.new_page()
    page.goto(f"{site.address}/{shipped_names()[0]}/blank.html")
    yield page
    page.close()


@pytest.fixture
def chromium(blank: Page, site: Site, tmp_path: Path) -> JavaScript:
    """The blank page, which opens bundles by their addresses."""
    space = site.root / tmp_path.name
    space.mkdir()

    def run(body: str, given: list[Any]) -> Any:
        return blank.evaluate(browser_script(body), given)

    def address(folder: Path) -> str:
        return f"{site.address}/{folder.relative_to(site.root).as_posix()}"

    return JavaScript("browser", run, address, {name: site.root / name / "bundle" for name in shipped_names()}, space)


def browser_script(body: str) -> str:
    """A function for `Page.evaluate` on a page with a build's import map; its argument is `given`."""
    return f"""async given => {{
        {_PRELUDE}
        const module = await import("./attngan/attngan.js"), ort = await import("onnxruntime-web/wasm");
        return (await (async () => {{ {body} }})()) ?? null;
    }}"""


@pytest.fixture(params=["node", "chromium"])
def javascript(request: pytest.FixtureRequest) -> Any:
    """Node, then Chromium."""
    return request.getfixturevalue(request.param)


def values_of(text: str, kind: Any) -> np.ndarray:
    """The values of an array that `bytes64` gave."""
    return np.frombuffer(base64.b64decode(text), kind)

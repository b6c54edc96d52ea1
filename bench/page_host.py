"""A folder on a host of this machine, with the headers that let a page have threads, and a Chromium to look at it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from playwright.sync_api import Browser, sync_playwright

_CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Files(http.server.SimpleHTTPRequestHandler):
    """Files, with `isolation` among their headers."""

    isolation: ClassVar[dict[str, str]] = {
        "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"
    }  # fmt: skip
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"
    }  # fmt: skip

    def end_headers(self) -> None:
        for name, value in self.isolation.items():
            self.send_header(name, value)
        super().end_headers()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with suppress(ConnectionError):  # the page has seen enough, or is closed
            super().copyfile(source, outputfile)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def hosted(folder: Path, files: type[Files] = Files) -> Iterator[str]:
    """The address where a folder is, such as http://127.0.0.1:40123."""
    handler = functools.partial(files, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def headless_chromium(path: str = "/usr/bin/chromium") -> Iterator[Browser]:
    """The browser, which is the system's: Playwright's own is another download."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()

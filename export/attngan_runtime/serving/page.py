"""The page's files, which show one generator in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

# Another generator may be served at the same address tomorrow.
HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def page_folder() -> Path:
    """Where the page lies: in this package in a wheel, in export/web in a clone."""
    package = Path(__file__).parents[1]
    return next(folder for folder in (package / "page", package.parent / "web" / "page") if folder.is_dir())


def page_routes(folder: Path) -> list[Route]:
    """The page's files by their names, and index.html, told that a server runs the generator, at `/`."""
    html = (folder / "index.html").read_text(encoding="utf-8").replace('data-runs="here"', 'data-runs="server"')

    def index(request: Request) -> Response:
        return HTMLResponse(html, headers=HEADERS)

    files = sorted(path for path in folder.iterdir() if path.suffix in (".js", ".css"))
    return [Route("/", index), *(Route(f"/{path.name}", _file(path)) for path in files)]


def _file(path: Path) -> Callable[[Request], Response]:
    # Bound to the path: what a request says of itself, its Host header among it, must not choose a file.
    return lambda request: FileResponse(path, headers=HEADERS)

"""One generator behind HTTP: its page, and a picture or sentence by address."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generator import Generator
from attngan_runtime.inputs import WHOLE, name_or_number
from attngan_runtime.picture_generator import PictureGenerator
from attngan_runtime.sentence_generator import SentenceGenerator
from attngan_runtime.sentences import SENTENCE_SPECIAL

_AT_ONCE = 8  # calls that draw; others wait, so that memory doesn't grow with their number

# Another generator may be served at the same address tomorrow.
_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

#: Parameters of /api/generate and what each is; `_ARGUMENTS` has those that `Generator.run` calls otherwise.
_KINDS = {
    "seed": int, "class": str, "prompt": str, "style": str, "truncation": float, "keywords": str, "temperature": float,
    "top_k": int, "top_p": float,
}  # fmt: skip
_ARGUMENTS = {"seed": "seeds", "class": "classes", "prompt": "prompts"}


def application(bundle: Bundle, generator: Generator, page: Path, hosts: Sequence[str] = ("*",)) -> Starlette:
    """An ASGI application that answers `GET /`, `/api` and `/api/generate`.

    page: the folder of index.html. hosts: names by which it may be called; "*" is any. What can't be made is answered
    by 400 and `{"error": one line}`.
    """
    takes = parameters(bundle)
    about = _about(bundle, takes)

    def describe(request: Request) -> Response:
        return JSONResponse(about, headers=_HEADERS)

    turns = asyncio.Semaphore(_AT_ONCE)

    async def generate(request: Request) -> Response:
        asked = _asked(request, takes, bundle)
        async with turns:
            return await run_in_threadpool(made, asked)

    def made(asked: dict[str, Any]) -> Response:
        if isinstance(generator, PictureGenerator):
            return _picture(generator, asked)
        assert isinstance(generator, SentenceGenerator)
        return _sentence(generator, asked)

    routes = [Route("/api", describe), Route("/api/generate", generate), *_page_routes(page)]
    refused: Any = {AttnGANError: _refused, HTTPException: _no_such_thing}
    middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)), Middleware(GZipMiddleware)]
    return Starlette(routes=routes, exception_handlers=refused, middleware=middleware)


def parameters(bundle: Bundle) -> list[str]:
    """What /api/generate takes for this bundle, by its inputs. Raises AttnGANError if it draws from z."""
    if bundle.z_dim:
        raise AttnGANError(bundle.name, "takes z, where a server's pictures have seeds", "export it with --input seed")
    named = {"tokens": "prompt"}
    inputs = [named.get(given["name"], given["name"]) for given in bundle.sidecar["inputs"]]
    return [name for name in inputs if name in _KINDS]


def page_folder() -> Path:
    """Where the page lies: beside this module in a wheel, in export/web in a clone."""
    here = Path(__file__).parent
    return next(folder for folder in (here / "page", here.parent / "web" / "page") if folder.is_dir())


def _about(bundle: Bundle, takes: list[str]) -> dict[str, Any]:
    """What a page needs to know, by the names that attngan.js has for it."""
    sidecar = bundle.sidecar
    about = {
        "name": bundle.name, "task": bundle.task, "parameters": takes, "classes": list(bundle.classes),
        "styles": list(bundle.styles), "words": _words(bundle),
        "license": sidecar["license"], "source": sidecar["source"],
    }  # fmt: skip
    if bundle.task != "text":
        about |= {key: sidecar["output"][key] for key in ("width", "height", "channels")}
    return about


def _words(bundle: Bundle) -> list[str]:
    """What a prompt or key words may hold, in the order of their numbers; empty for a generator without words."""
    vocabulary = json.loads(bundle.tokenizer)["model"]["vocab"] if bundle.tokenizer else {}
    return [word for word in sorted(vocabulary, key=vocabulary.__getitem__) if word not in SENTENCE_SPECIAL]


def _asked(request: Request, takes: list[str], bundle: Bundle) -> dict[str, Any]:
    """The arguments of `Generator.run` for one picture or sentence; seed 0 if none is given."""
    asked: dict[str, Any] = {}
    for key, text in request.query_params.multi_items():
        if key in asked:
            raise AttnGANError(key, "given twice", "one call makes one picture or sentence")
        if key not in takes:
            meant = get_close_matches(key, takes, 1)
            remedy = f"did you mean {meant[0]}?" if meant else "leave it out"
            raise AttnGANError(key[:40], f"{bundle.name} takes {', '.join(takes)}", remedy)
        asked[key] = _value(key, text)
    for key, names in (("class", bundle.classes), ("style", bundle.styles)):
        if key in asked:
            asked[key] = name_or_number(asked[key], names)
    if "prompt" in takes and "prompt" not in asked:
        raise AttnGANError("prompt", f"none given, and {bundle.name} draws what words say", "add prompt=red+heart")
    return {"seeds": 0} | {_ARGUMENTS.get(key, key): value for key, value in asked.items()}


def _value(key: str, text: str) -> Any:
    kind = _KINDS[key]
    if kind is int and not WHOLE.fullmatch(text):
        raise AttnGANError(key, f"{text[:40]!r} is not a whole number", f"write one, such as {key}=1")
    try:
        return kind(text)
    except ValueError:
        raise AttnGANError(key, f"{text[:40]!r} is not a number", f"write one, such as {key}=1") from None


def _picture(generator: PictureGenerator, asked: dict[str, Any]) -> Response:
    (picture,) = generator.run(**asked)
    said = generator.tokenizer.encode([asked["prompts"]]).warnings() if generator.tokenizer else []
    png = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save(png, "PNG")
    return Response(png.getvalue(), media_type="image/png", headers=_HEADERS | {"X-Warnings": json.dumps(said)})


def _sentence(generator: SentenceGenerator, asked: dict[str, Any]) -> Response:
    asked["keywords"] = asked.get("keywords", "").strip() or None
    (sentence,) = generator.run(**asked)
    words = asked["keywords"]
    said = generator.tokenizer.key_words([words], generator.keywords).warnings() if words else []
    return JSONResponse({"sentence": sentence, "warnings": said}, headers=_HEADERS)


def _page_routes(folder: Path) -> list[Route]:
    """The page's files by their names, and index.html, told that a server runs the generator, at `/`."""
    html = (folder / "index.html").read_text(encoding="utf-8").replace('data-runs="here"', 'data-runs="server"')

    def index(request: Request) -> Response:
        return HTMLResponse(html, headers=_HEADERS)

    files = sorted(path for path in folder.iterdir() if path.suffix in (".js", ".css"))
    return [Route("/", index), *(Route(f"/{path.name}", _file(path)) for path in files)]


def _file(path: Path) -> Callable[[Request], Response]:
    # Bound to the path: what a request says of itself, its Host header among it, must not choose a file.
    return lambda request: FileResponse(path, headers=_HEADERS)


def _refused(request: Request, error: Exception) -> Response:
    """By the parameter's name, where the argument of `Generator.run` has another."""
    assert isinstance(error, AttnGANError)
    named = {argument: parameter for parameter, argument in _ARGUMENTS.items()}
    said = error.about(named.get(error.subject, error.subject))
    return JSONResponse({"error": " ".join(str(said).split())}, 400, headers=_HEADERS)


def _no_such_thing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {
        404: f"{request.scope['path'][:80]}: there is no such address; there are /, /api and /api/generate",
        405: f"{request.method[:20]}: only GET is answered",
    }.get(error.status_code, str(error.detail))
    return JSONResponse({"error": said}, error.status_code, headers=_HEADERS | dict(error.headers or {}))

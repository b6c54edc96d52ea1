"""One generator behind HTTP: its page, and a picture or sentence by address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.base import Generator, Parameter
from attngan_runtime.generators.inputs import WHOLE
from attngan_runtime.serving.page import HEADERS, page_routes
from attngan_runtime.tokenizers.sentences import SENTENCE_SPECIAL

_AT_ONCE = 8  # calls that draw; others wait, so that memory doesn't grow with their number


def application(bundle: Bundle, generator: Generator, page: Path, hosts: Sequence[str] = ("*",)) -> Starlette:
    """An ASGI application that answers `GET /`, `/api` and `/api/generate`.

    page: the folder of index.html. hosts: names by which it may be called; "*" is any. What can't be made is answered
    by 400 and `{"error": one line}`.
    """
    check_seeds(bundle)
    about = _about(bundle, generator)
    turns = asyncio.Semaphore(_AT_ONCE)

    def describe(request: Request) -> Response:
        return JSONResponse(about, headers=HEADERS)

    def reply(arguments: dict[str, Any]) -> Response:
        found = generator.reply(**arguments)
        return Response(found.content, media_type=found.media_type, headers=HEADERS | dict(found.headers))

    async def generate(request: Request) -> Response:
        arguments = _arguments(request, generator)
        async with turns:
            return await run_in_threadpool(reply, arguments)

    def refuse(request: Request, error: Exception) -> Response:
        """By the parameter's name, where the argument of `Generator.run` has another."""
        assert isinstance(error, AttnGANError)
        names = {parameter.argument: parameter.name for parameter in generator.parameters}
        problem = error.about(names.get(error.subject, error.subject))
        return JSONResponse({"error": " ".join(str(problem).split())}, 400, headers=HEADERS)

    routes = [Route("/api", describe), Route("/api/generate", generate), *page_routes(page)]
    handlers: Any = {AttnGANError: refuse, HTTPException: _refuse_address}
    middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)), Middleware(GZipMiddleware)]
    return Starlette(routes=routes, exception_handlers=handlers, middleware=middleware)


def check_seeds(bundle: Bundle) -> None:
    """Raises AttnGANError for a bundle that takes z, which no address has room for."""
    if bundle.z_dim:
        raise AttnGANError(bundle.name, "takes z, where a server's pictures have seeds", "export it with --input seed")


def _about(bundle: Bundle, generator: Generator) -> dict[str, Any]:
    """What a page needs to know, by the names that attngan.js has for it."""
    return {
        "name": bundle.name, "task": bundle.task, "makes": generator.makes,
        "parameters": [parameter.name for parameter in generator.parameters],
        "classes": list(bundle.classes), "styles": list(bundle.styles), "words": _words(bundle),
        "license": bundle.sidecar["license"], "source": bundle.sidecar["source"], **generator.about(),
    }  # fmt: skip


def _words(bundle: Bundle) -> list[str]:
    """What a prompt or key words may hold, in the order of their numbers; empty for a generator without words."""
    vocabulary = json.loads(bundle.tokenizer)["model"]["vocab"] if bundle.tokenizer else {}
    return [word for word in sorted(vocabulary, key=vocabulary.__getitem__) if word not in SENTENCE_SPECIAL]


def _arguments(request: Request, generator: Generator) -> dict[str, Any]:
    """The arguments of `Generator.reply`, as numbers and text; seed 0 if none is given."""
    takes = {parameter.name: parameter for parameter in generator.parameters}
    given: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name in given:
            raise AttnGANError(name, "given twice", "one call makes one picture or sentence")
        if name not in takes:
            meant = get_close_matches(name, takes, 1)
            remedy = f"did you mean {meant[0]}?" if meant else "leave it out"
            raise AttnGANError(name[:40], f"{generator.name} takes {', '.join(takes)}", remedy)
        given[name] = _value(takes[name], text)
    return {"seeds": 0} | {takes[name].argument: value for name, value in given.items()}


def _value(parameter: Parameter, text: str) -> Any:
    name, kind = parameter.name, parameter.kind
    if kind is int and not WHOLE.fullmatch(text):
        raise AttnGANError(name, f"{text[:40]!r} is not a whole number", f"write one, such as {name}=1")
    try:
        return kind(text)
    except ValueError:
        raise AttnGANError(name, f"{text[:40]!r} is not a number", f"write one, such as {name}=1") from None


def _refuse_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = {
        404: f"{request.scope['path'][:80]}: there is no such address; there are /, /api and /api/generate",
        405: f"{request.method[:20]}: only GET is answered",
    }.get(error.status_code, str(error.detail))
    return JSONResponse({"error": problem}, error.status_code, headers=HEADERS | dict(error.headers or {}))

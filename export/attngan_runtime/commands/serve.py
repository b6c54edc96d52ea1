"""`attngan-run serve`: a bundle's page, and its generator by HTTP, on one port."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import warnings
import webbrowser

import click

from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.base import Generator

_MOST_CONNECTIONS = 1000  # idle ones count; more are answered 503
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(bundle: Bundle, provider: str, host: str, port: int, show: bool) -> None:
    """Answers until it is stopped. Raises AttnGANError if the server library is missing or the port is taken."""
    try:
        import uvicorn

        from attngan_runtime.serving.application import application, check_seeds
        from attngan_runtime.serving.page import page_folder
    except ImportError as error:
        raise AttnGANError(f"{error.name}", "not installed", 'run: pip install "attngan[cpu,serve]"') from None
    check_seeds(bundle)
    generator = Generator.open(bundle, providers=provider)
    warnings.simplefilter("ignore", UserWarning)  # what can't be read in a prompt goes to the one who asked
    with _listen(host, port) as listener:
        config = uvicorn.Config(
            application(bundle, generator, page_folder(), _names(host)), log_level="warning", access_log=False,
            server_header=False, limit_concurrency=_MOST_CONNECTIONS,
        )  # fmt: skip
        address = _address(host, listener.getsockname()[1])
        click.echo(f"{bundle.name} is at {address} and answers {address}api; Ctrl-C stops it")
        if show and _has_screen():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            click.echo("stopped")


def _listen(host: str, port: int) -> socket.socket:
    """A socket on which connections wait from now on, so that the page can be opened before the server runs."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        number = error.errno or 0  # names that can't be found have negative ones
        reason = os.strerror(number) if number > 0 else str(error.strerror).partition(" (while")[0]
        taken = number in (errno.EADDRINUSE, errno.EACCES)
        remedy = "choose another port, or 0 for any free one" if taken else "use an address of this machine"
        raise AttnGANError(f"--host {host} --port {port}", f"can't listen there ({reason})", remedy) from None


def _names(host: str) -> tuple[str, ...]:
    """By which names the server may be called. A stranger's page could give its own name this machine's address."""
    return (*_LOOPBACK, "[::1]") if host in _LOOPBACK else ("*",)


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def _has_screen() -> bool:
    """Whether a browser has somewhere to open: without one, Python would start a text browser in the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

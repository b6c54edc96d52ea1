"""`attngan report`: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from attngan.errors import AttnGANError
from attngan_runtime.commands.console import Command


@click.command(cls=Command)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="HTML file to write; RUN/report.html if not given.")
def report(run: Path, out: Path | None) -> None:
    """Write a run as one HTML page with its curves, pictures and settings, that can be sent as it is."""
    out = out or run / "report.html"
    if out.suffix.lower() not in (".html", ".htm"):
        raise AttnGANError(f"--out {out}", "a report is a web page", "give a name that ends in .html")
    from attngan_runtime.saving import check_output_file, write_output

    check_output_file(out, "report.html")
    from attngan.report.page import render

    page = render(run, str(run)).encode()
    write_output(out, page)
    click.echo(f"wrote {out} ({len(page) / 1e6:.1f} MB)")

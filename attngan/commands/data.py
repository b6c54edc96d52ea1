"""`attngan data`: captioned sets, built and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from attngan.errors import AttnGANError
from attngan_runtime.commands.console import Group

if TYPE_CHECKING:
    from attngan.data.emoji_sources import Part

_SOURCE = click.Path(path_type=Path)


@click.group(cls=Group)
def data() -> None:
    """Build a captioned set of pictures, or look at one."""


@data.command()
@click.option("--out", required=True, type=_SOURCE, help="Folder to write.")
@click.option("--google", type=_SOURCE, help="Folder or .tgz of emoji-datasource-google; fetched by npm if not given.")
@click.option("--twitter", type=_SOURCE, help="The same of emoji-datasource-twitter.")
@click.option("--labels", type=_SOURCE, help="The same of emojibase-data, or its en/data.json.")
@click.option(
    "--without", default="flags", show_default=True, metavar="GROUPS",
    help="Groups to leave out, as flags,symbols, or none. Flags can't be drawn from the names of countries.",
)  # fmt: skip
def emoji(out: Path, google: Path | None, twitter: Path | None, labels: Path | None, without: str) -> None:
    """Build the emoji set: two vendors' pictures with their names, tags and licences, from three npm packages."""
    from attngan.data.emoji import build, check_new, read_labels, write
    from attngan.data.emoji_sources import LABELS, VENDORS
    from attngan.data.image_dataset import name_some

    check_new(out)
    groups = _groups(without)
    sources = {"--google": google, "--twitter": twitter, "--labels": labels}
    [content] = _files(LABELS, labels).values()
    try:
        known = read_labels(content)
    except ValueError as error:
        raise AttnGANError(f"--labels {labels}", f"{error}", f"name {LABELS.tarball} or its en/data.json") from None
    pictures = {vendor: _files(part, sources[part.option]) for vendor, part in VENDORS.items()}
    built = build(pictures, known, groups)
    if not built.lines:
        raise AttnGANError(f"--without {without}", "leaves no picture", "leave out fewer groups")
    write(built, out, {option for option, source in sources.items() if source})
    concepts = len({line["concept"] for line in built.lines})
    click.echo(f"wrote {len(built.lines):,} pictures of {concepts:,} concepts: {out}; {built.left_out:,} left out")
    if built.unnamed:
        click.echo(f"{len(built.unnamed):,} pictures without a label left out: {name_some(built.unnamed)}")


@data.command()
@click.argument("folder", type=_SOURCE)
def inspect(folder: Path) -> None:
    """Count what would be trained on: pictures, captions, words and styles of a captioned folder or zip."""
    from attngan.data.summary import summarise

    click.echo(summarise(folder))


def _files(part: Part, source: Path | None) -> dict[str, bytes]:
    from attngan.data.emoji_sources import fetch_part, read_part

    if source is not None:
        return read_part(part, source)
    click.echo(f"fetching {part.tarball}", err=True)
    return fetch_part(part)


def _groups(without: str) -> list[str]:
    from attngan.data.emoji import GROUPS

    names = [] if without == "none" else [name.strip() for name in without.split(",")]
    for name in names:
        if name not in GROUPS:
            raise AttnGANError(f"--without {name}", "no such group", f"choose from {', '.join(GROUPS)}, or none")
    return names

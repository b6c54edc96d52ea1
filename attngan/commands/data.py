"""`attngan data`: sets of pictures, built and looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
    """Build a captioned set of pictures, or look at any set."""


@data.command()
@click.option("--out", required=True, type=_SOURCE, help="Folder to write.")
@click.option("--google", type=_SOURCE, help="Folder or .tgz of emoji-datasource-google; fetched by npm if not given.")
@click.option("--twitter", type=_SOURCE, help="The same of emoji-datasource-twitter.")
@click.option("--fluent", type=_SOURCE, help="The same of @iconify-json/fluent-emoji-flat, which is drawn from SVG.")
@click.option("--labels", type=_SOURCE, help="The same of emojibase-data, or its en/data.json.")
@click.option(
    "--without", default="flags", show_default=True, metavar="GROUPS",
    help="Groups to leave out, as flags,symbols, or none. Flags can't be drawn from the names of countries.",
)  # fmt: skip
def emoji(
    out: Path, google: Path | None, twitter: Path | None, fluent: Path | None, labels: Path | None, without: str
) -> None:
    """Build the emoji set: three vendors' pictures with their names, tags and licences, from four npm packages."""
    from attngan.data.emoji import build, check_new, read_labels, write
    from attngan.data.emoji_drawings import draw_icons, find_render
    from attngan.data.emoji_sources import LABELS, VENDORS

    check_new(out)
    groups, render = _groups(without), find_render()
    sources = {"--google": google, "--twitter": twitter, "--fluent": fluent, "--labels": labels}
    with _damage(LABELS, labels):
        known = read_labels(*_files(LABELS, labels).values())
    files = {vendor: _files(part, sources[part.option]) for vendor, part in VENDORS.items()}
    with _damage(VENDORS["fluent"], fluent):
        drawn = draw_icons(files["fluent"], render)
    built = build(files | {"fluent": drawn.pictures}, known, groups)
    if not built.lines:
        raise AttnGANError(f"--without {without}", "leaves no picture", "leave out fewer groups")
    write(built, out, {option for option, source in sources.items() if source})
    concepts = len({line["concept"] for line in built.lines})
    click.echo(f"wrote {len(built.lines):,} pictures of {concepts:,} concepts: {out}; {built.left_out:,} left out")
    _say_left_out("without a label", built.unnamed)
    _say_left_out("that can't be rendered", [f"fluent/{name}" for name in drawn.failed])


@data.command()
@click.argument("folder", type=_SOURCE)
def inspect(folder: Path) -> None:
    """Count what would be trained on: pictures and classes, or captions, words and styles."""
    from attngan.data.summary import summarise

    click.echo(summarise(folder))


@contextmanager
def _damage(part: Part, source: Path | None) -> Iterator[None]:
    """What is not the content that the package has, by the option that names it."""
    try:
        yield
    except ValueError as error:
        raise AttnGANError(f"{part.option} {source}", f"{error}", f"name {part.tarball}") from None


def _say_left_out(why: str, names: list[str]) -> None:
    from attngan.data.image_dataset import name_some

    if names:
        click.echo(f"{len(names):,} pictures {why} left out: {name_some(names)}")


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

"""The emoji set: three vendors' drawings under the names that Unicode gives them, as a captioned folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attngan.data.emoji_sources import LABELS, VENDORS
from attngan.data.layouts.json_lines import FILE as JSON_LINES
from attngan.errors import AttnGANError
from attngan_runtime.saving import check_parent, folders_for

# emojibase's numbers of the groups. Its group 2, bare skin tones and hair, and the regional indicator letters, which
# have no group, are parts of emoji: they are never taken.
GROUPS = {
    "smileys-emotion": 0, "people-body": 1, "animals-nature": 3, "food-drink": 4, "travel-places": 5,
    "activities": 6, "objects": 7, "symbols": 8, "flags": 9,
}  # fmt: skip


@dataclass(frozen=True)
class Emoji:
    """What emojibase says of one emoji."""

    label: str
    tags: tuple[str, ...]
    group: int | None


@dataclass(frozen=True)
class EmojiSet:
    """A captioned folder before it is written."""

    pictures: dict[str, bytes]  #: PNG by file name, `google/1f600.png`
    lines: list[dict[str, Any]]  #: of captions.jsonl, in the order of the file names
    unnamed: list[str]  #: pictures that emojibase has no label for
    left_out: int  #: pictures of the groups that are not wanted


def read_labels(content: bytes) -> dict[str, Emoji]:
    """emojibase's data.json by code points (`1f468-200d-1f692`), skin tones included; ValueError if it is none."""
    found: dict[str, Emoji] = {}
    try:
        for base in json.loads(content):
            tags = tuple(map(str, base.get("tags", ())))
            for variant in (base, *base.get("skins", ())):
                found[_points(variant["hexcode"])] = Emoji(str(variant["label"]), tags, base.get("group"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("not emojibase's data.json") from None
    return found


def build(pictures: Mapping[str, Mapping[str, bytes]], labels: Mapping[str, Emoji], without: list[str]) -> EmojiSet:
    """The set of these pictures (by vendor, then by file name) but for the groups named in `without`.

    The concept of a picture is its code points, skin tones included: what is held out are compositions, such as a
    gesture in one skin tone whose others are seen, and all vendors' pictures of them.
    """
    unwanted = {GROUPS[name] for name in without}
    chosen: dict[str, bytes] = {}
    lines, unnamed, left_out = [], [], 0
    for vendor in sorted(pictures):
        for name, content in sorted(pictures[vendor].items()):
            points = _points(name.removesuffix(".png"))
            emoji = labels.get(points)
            if emoji is None:
                unnamed.append(f"{vendor}/{name}")
            elif emoji.group in unwanted or emoji.group not in GROUPS.values():
                left_out += 1
            else:
                chosen[f"{vendor}/{name}"] = content
                lines.append(
                    {
                        "file_name": f"{vendor}/{name}", "caption": emoji.label, "tags": emoji.tags,
                        "style": vendor, "concept": points,
                    }
                )  # fmt: skip
    return EmojiSet(chosen, lines, unnamed, left_out)


def check_new(folder: Path) -> None:
    """Raises AttnGANError unless `folder` is empty or can be made."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise AttnGANError(f"--out {folder}", "holds files", "name a new or empty folder")
    check_parent(folder)


def write(emoji: EmojiSet, folder: Path, named: set[str]) -> None:
    """Writes pictures, captions.jsonl and ATTRIBUTION.md; `folder` appears when all is there.

    named: options of the packages that the user named, so that nobody knows their version.
    """
    folder = folder.resolve()
    with folders_for(folder), _part_of(folder) as part:
        part.chmod(0o755)
        for name, content in emoji.pictures.items():
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_bytes(content)
        lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in emoji.lines]
        (part / JSON_LINES).write_text("".join(lines), encoding="utf-8", newline="\n")
        (part / "ATTRIBUTION.md").write_text(_attribution(named), encoding="utf-8", newline="\n")
        if folder.exists():
            folder.rmdir()
        part.rename(folder)


@contextmanager
def _part_of(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which is gone afterwards unless it was renamed."""
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _points(code: str) -> str:
    """Code points in lower case without U+FE0F, which asks for colour and which vendors leave out at will."""
    return "-".join(point for point in code.lower().split("-") if point != "fe0f")


def _attribution(named: set[str]) -> str:
    parts = {f"{vendor}/": part for vendor, part in VENDORS.items()} | {JSON_LINES: LABELS}
    pictures = "The pictures of `fluent/` are drawn from SVG, the others are unchanged."
    lines = ["# Attribution", "", f"{pictures} The captions are emojibase's labels, with its tags."]
    for what, part in parts.items():
        version = "a version that was named" if part.option in named else part.version
        lines += ["", f"`{what}`, from the npm package {part.name}, {version}: {part.licence}"]
    return "\n".join([*lines, "", "A generator trained on this set names all four in its model card.", ""])

"""What a run drew or wrote on its way, as its report shows it: pictures as grids, sentences as text."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attngan.checkpoint import LIKELIHOOD, load_about
from attngan.config import RunConfig
from attngan.report.embed import data_url
from attngan.run_folder import Record, column

_STRIP = 12  # grids over the run
_LARGE, _SMALL = 1600, 640  # pixels a side of the large pictures and of those in the strip
_COMPARED = (6, 3)  # sentences from key words, and about anything, that stand beside earlier ones
_WORD = re.compile(r"([\w'’-]+)")

Line = tuple[tuple[str, ...], str]  # key words, and the sentence about them


@dataclass(frozen=True)
class Sample:
    """A file in the folder `samples` of a run."""

    path: Path
    images: int  #: real images or sentences shown when it was written


def samples(folder: Path, ending: str) -> list[Sample]:
    """Those of a run that end so, in their order."""
    paths = (path for path in (folder / "samples").glob(f"*.{ending}") if path.stem.isdecimal())
    return sorted((Sample(path, int(path.stem)) for path in paths), key=lambda sample: sample.images)


def pictures(folder: Path, grids: list[Sample], kept: int | None) -> dict[str, Any]:
    """The grid that the kept generator drew, or else the last one; and at most _STRIP, evenly over the run.

    kept: images shown when the generator was saved that is kept; None if nobody knows.
    """
    places = np.linspace(0, len(grids) - 1, min(len(grids), _STRIP)).round().astype(int)
    large = _of_kept(grids, kept)
    return {
        "large": large and {
            "images": large.images, "url": data_url(large.path, _LARGE),
            "kept": large.images == kept, "last": large is grids[-1],
        },
        "strip": [{"images": grids[place].images, "url": data_url(grids[place].path, _SMALL)} for place in places],
        "neighbours": data_url(folder / "neighbours.png", _LARGE),
    }  # fmt: skip


def sentences(texts: list[Sample], kept: int | None) -> dict[str, Any]:
    """What the kept generator wrote, or else the last; an earlier text beside it, or a later one; `kept` as above."""
    shown = _of_kept(texts, kept)
    lines = _read(shown)
    other = next((text for text in (*texts[:1], *texts[-1:]) if text is not shown), None)
    pair = sorted((text for text in (shown, other) if text), key=lambda text: text.images)
    asked = [_marked(line) for line in lines if line[0]]
    return {
        "written": shown and lines and {
            "images": shown.images, "kept": shown.images == kept, "asked": asked,
            "free": [sentence for words, sentence in lines if not words],
            "words": sum(len(one["words"]) for one in asked), "found": sum(len(one["found"]) for one in asked),
        },
        "compared": _compared(*pair) if len(pair) == 2 else None,
        "keywords": shlex.quote(", ".join(asked[0]["words"]) if asked else "a few, words"),
    }  # fmt: skip


def likelihood(folder: Path, config: RunConfig, records: list[Record]) -> Record | None:
    """How likely a run of sentences found held-out ones before the discriminator came; None if nothing tells."""
    images, nll = column(records, "images"), column(records, "held_out_nll")
    about = load_about(folder / LIKELIHOOD)
    known = nll[np.isfinite(nll)]
    best = about.get("nll", known.min() if len(known) else None)
    if not isinstance(best, int | float) or not math.isfinite(best):
        return None
    found = images[np.isfinite(images)]
    shown = about.get("images", int(found.max()) if len(found) else None)
    planned, done = config.training.likelihood_images, bool(about)
    return {"nll": float(best), "perplexity": math.exp(min(best, 99)), "shown": shown, "planned": planned, "done": done}


def _of_kept(samples: list[Sample], kept: int | None) -> Sample | None:
    """That of the generator that is kept, or else the last one."""
    return next((sample for sample in samples if sample.images == kept), samples[-1] if samples else None)


def _read(text: Sample | None) -> list[Line]:
    """Lines `dog, beach: a dog on a beach.` or `(anything): a cat.`; others are left out."""
    try:
        content = text.path.read_text(encoding="utf-8", errors="replace") if text else ""
    except OSError:
        return []
    parts = (line.partition(": ") for line in content.split("\n"))
    return [(() if asked == "(anything)" else tuple(asked.split(", ")), said) for asked, there, said in parts if there]


def _marked(line: Line) -> dict[str, Any]:
    """The sentence in parts, of which those that are its key words are marked."""
    words, sentence = line
    parts = [(part, part.lower() in words) for part in _WORD.split(sentence) if part]
    return {"words": words, "parts": parts, "found": {part.lower() for part, marked in parts if marked}}


def _compared(before: Sample, after: Sample) -> dict[str, Any] | None:
    """Sentences of two texts about the same key words, by the same seeds."""
    rows = [
        (_marked(one), _marked(other))
        for one, other in zip(_read(before), _read(after), strict=False)
        if one[0] == other[0]
    ]
    asked, free = ([row for row in rows if bool(row[0]["words"]) == about] for about in (True, False))
    chosen = asked[: _COMPARED[0]] + free[: _COMPARED[1]]
    return {"before": before.images, "after": after.images, "rows": chosen} if chosen else None

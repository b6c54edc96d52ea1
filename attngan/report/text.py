"""What the report of a run of sentences shows: what it wrote, then and now, and how likely it found real ones."""

from __future__ import annotations

import math
import re
import shlex
from typing import Any

import numpy as np

from attngan.checkpoint import LIKELIHOOD, load_about
from attngan.report.run import STATES, Run, Sample, TaskReport
from attngan.run_folder import Record, column

_COMPARED = (6, 3)  # sentences from key words, and about anything, that stand beside earlier ones
_WORD = re.compile(r"([\w'’-]+)")

Line = tuple[tuple[str, ...], str]  # key words, and the sentence about them


def describe(run: Run) -> dict[str, Any]:
    """What the kept generator wrote, or else the last; an earlier text beside it, or a later one; the likelihood."""
    shown = run.sample_of_kept
    lines = _read_lines(shown)
    other = next((text for text in (*run.samples[:1], *run.samples[-1:]) if text is not shown), None)
    pair = sorted((text for text in (shown, other) if text), key=lambda text: text.images)
    asked = [_mark_key_words(line) for line in lines if line[0]]
    likelihood = _read_likelihood(run)
    return {
        "written": shown and lines and {
            "images": shown.images, "kept": shown.images == run.kept.get("images"), "asked": asked,
            "free": [sentence for words, sentence in lines if not words],
            "words": sum(len(one["words"]) for one in asked), "found": sum(len(one["found"]) for one in asked),
        },
        "compared": _compare(*pair) if len(pair) == 2 else None,
        "keywords": shlex.quote(", ".join(asked[0]["words"]) if asked else "a few, words"),
        "likelihood": likelihood,
        "baseline": shlex.quote(f"{run.written}/{LIKELIHOOD}"),
    } | _describe_state(run, likelihood)  # fmt: skip


REPORT = TaskReport("text.html.j2", "sentences", "sentences", "lines", "kernel distance (KID)", "txt", describe)


def _describe_state(run: Run, likelihood: Record | None) -> dict[str, str]:
    """Of a run whose discriminator hasn't come yet; of others nothing."""
    if run.state != "no records" or not likelihood:
        return {}
    if likelihood["done"]:
        return {"state": "not finished", "meaning": STATES["not finished"]}
    return {"state": "learning likelihood", "meaning": "no discriminator yet; being trained, or interrupted"}


def _read_likelihood(run: Run) -> Record | None:
    """How likely it found held-out sentences before the discriminator came; None if nothing tells."""
    records = run.records.likelihood
    images, nll = column(records, "images"), column(records, "held_out_nll")
    about = load_about(run.folder / LIKELIHOOD)
    known = nll[np.isfinite(nll)]
    best = about.get("nll", known.min() if len(known) else None)
    if not isinstance(best, int | float) or not math.isfinite(best):
        return None
    found = images[np.isfinite(images)]
    shown = about.get("images", int(found.max()) if len(found) else None)
    planned, done = run.config.training.likelihood_images, bool(about)
    return {"nll": float(best), "perplexity": math.exp(min(best, 99)), "shown": shown, "planned": planned, "done": done}


def _read_lines(text: Sample | None) -> list[Line]:
    """Lines `dog, beach: a dog on a beach.` or `(anything): a cat.`; others are left out."""
    try:
        content = text.path.read_text(encoding="utf-8", errors="replace") if text else ""
    except OSError:
        return []
    parts = (line.partition(": ") for line in content.split("\n"))
    return [(() if asked == "(anything)" else tuple(asked.split(", ")), said) for asked, there, said in parts if there]


def _mark_key_words(line: Line) -> dict[str, Any]:
    """The sentence in parts, of which those that are its key words are marked."""
    words, sentence = line
    parts = [(part, part.lower() in words) for part in _WORD.split(sentence) if part]
    return {"words": words, "parts": parts, "found": {part.lower() for part, marked in parts if marked}}


def _compare(before: Sample, after: Sample) -> dict[str, Any] | None:
    """Sentences of two texts about the same key words, by the same seeds."""
    rows = [
        (_mark_key_words(one), _mark_key_words(other))
        for one, other in zip(_read_lines(before), _read_lines(after), strict=False)
        if one[0] == other[0]
    ]
    asked, free = ([row for row in rows if bool(row[0]["words"]) == about] for about in (True, False))
    chosen = asked[: _COMPARED[0]] + free[: _COMPARED[1]]
    return {"before": before.images, "after": after.images, "rows": chosen} if chosen else None

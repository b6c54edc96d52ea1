"""Sentences, and which key words each of their words looked at."""

from __future__ import annotations

from pathlib import Path

import click

from attngan.errors import AttnGANError
from attngan.generators import Source
from attngan.generators.text import TorchTextGenerator
from attngan.sampling.pictures import WHOLE
from attngan.visualization.keyword_sheet import check_sheet, keyword_sheet
from attngan_runtime.commands.console import option_errors
from attngan_runtime.commands.write import check_sampling, check_sentence_file, note_no_keywords, write_sentences


def sample_sentences(
    source: Source, seeds: list[int] | None, attention: str | None, out: Path | None, *, keywords: tuple[str, ...],
    temperature: float, top_k: int, top_p: float,
) -> None:  # fmt: skip
    """Prints sentences, or writes them to `out`; with attention a picture of which key words each word looked at.

    For each set of key words all its seeds. Raises AttnGANError for options that don't fit.
    """
    if attention not in (None, WHOLE):
        raise AttnGANError(
            f"--attention {attention[:40]}",
            f"{source.written} writes sentences, which have no points",
            "write --attention alone",
        )
    if out and not attention:
        check_sentence_file(out, source.written)
    if attention and not (out and keywords):
        raise AttnGANError("--attention", "shows where key words were looked at", "give --keywords, and --out heat.png")
    generator = TorchTextGenerator(source)
    check_sampling(temperature, top_k, top_p, generator.tokenizer.size)
    with option_errors():
        words = generator.read_keywords(keywords or [""])
    for line in words.warnings() if keywords else ():
        click.echo(f"warning: {line}", err=True)
    if not keywords:
        note_no_keywords(generator.name)
    seeds = seeds or list(range(8))
    rows, seeds = words.ids.repeat(len(seeds), 0), seeds * len(words.ids)
    if attention and out:
        check_sheet(generator, rows, out)  # before minutes of writing
        keyword_sheet(generator, generator.tokens(seeds, rows, temperature, top_k, top_p), rows, seeds, out)
        click.echo(f"wrote which key words {generator.name} looks at to {out}")
        return
    write_sentences(generator.sample(seeds, rows, temperature, top_k=top_k, top_p=top_p), out, generator.name)

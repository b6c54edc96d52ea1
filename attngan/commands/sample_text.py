"""What `attngan sample` does with a generator that writes."""

from __future__ import annotations

from pathlib import Path

import click

from attngan.errors import AttnGANError
from attngan_runtime.commands.console import option_errors
from attngan_runtime.commands.write import check_sampling, note_no_keywords, write_sentences
from attngan_runtime.saving import check_output_file


def write(
    run_or_name: str, seeds: list[int] | None, attention: bool, out: Path | None, *, keywords: tuple[str, ...],
    temperature: float, top_k: int, top_p: float,
) -> None:  # fmt: skip
    """Prints sentences, or writes them to `out`; with attention a picture of which key words each word looked at.

    For each set of key words all its seeds. Raises AttnGANError for options that don't fit.
    """
    if out and not attention:
        check_output_file(out, "sentences.txt")
    if attention and not (out and keywords):
        raise AttnGANError("--attention", "shows where key words were looked at", "give --keywords, and --out heat.png")
    from attngan.generators.sentences import load_writer

    writer = load_writer(run_or_name)
    check_sampling(temperature, top_k, top_p, writer.tokenizer.size)
    with option_errors():
        words = writer.key_words(keywords or [""])
    for line in words.warnings() if keywords else ():
        click.echo(f"warning: {line}", err=True)
    if not keywords:
        note_no_keywords(writer.name)
    seeds = seeds or list(range(8))
    asked = words.ids.repeat(len(seeds), 0)
    seeds = seeds * len(words.ids)
    if attention and out:
        from attngan.visualization.keyword_sheet import check_sheet, keyword_sheet

        check_sheet(writer, asked, out)  # before minutes of writing
        keyword_sheet(writer, writer.tokens(seeds, asked, temperature, top_k, top_p), asked, seeds, out)
        click.echo(f"wrote which key words {writer.name} looks at to {out}")
        return
    write_sentences(writer.write(seeds, asked, temperature, top_k, top_p), out, writer.name)

"""What `attngan-run` does with a bundle that writes."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import click

from attngan_runtime.bundle import Bundle
from attngan_runtime.console import printed_warnings
from attngan_runtime.errors import AttnGANError
from attngan_runtime.inputs import naming_the_option, temperatures, top_ks, top_ps
from attngan_runtime.saving import check_output_file, write_atomically
from attngan_runtime.sentence_generator import SentenceGenerator

_PICTURES = (".png", ".webp", ".jpg", ".jpeg", ".gif")


def write(
    bundle: Bundle, seeds: list[int] | None, provider: str, out: Path | None, *, keywords: tuple[str, ...],
    temperature: float, top_k: int, top_p: float,
) -> None:  # fmt: skip
    """Prints sentences, one a line, or writes them to `out` as UTF-8. Raises AttnGANError for options that don't fit.

    For each set of key words all its seeds.
    """
    if out:
        check_output_file(out, "sentences.txt")
        if out.suffix.lower() in _PICTURES:
            raise AttnGANError(f"--out {out}", f"{bundle.name} writes sentences", "name a file such as sentences.txt")
    check_sampling(temperature, top_k, top_p, bundle.input("top_k")["maximum"])
    generator = SentenceGenerator.open(bundle, providers=provider)
    with naming_the_option():
        generator.tokenizer.key_words(keywords, generator.keywords)
    if not keywords:
        note_no_keywords(generator.name)
    seeds = seeds or list(range(8))
    asked = [text for text in keywords for _ in seeds] or None
    with printed_warnings():
        sentences = generator.run(
            seeds * max(1, len(keywords)), keywords=asked, temperature=temperature, top_k=top_k, top_p=top_p
        )
    give(sentences, out, generator.name)


def check_sampling(temperature: float, top_k: int, top_p: float, size: int) -> None:
    """Raises AttnGANError naming the option that is out of its range; size: words of the vocabulary."""
    with naming_the_option():
        temperatures(temperature)
        top_ks(top_k, size)
        top_ps(top_p)


def note_no_keywords(name: str) -> None:
    """Says on stderr what the generator of this name writes about without any."""
    click.echo(f"note: no --keywords, so {name} writes about anything", err=True)


def give(sentences: list[str], out: Path | None, name: str) -> None:
    """Prints the sentences, one a line, or writes them to `out` and says so; name: of their generator."""
    lines = "".join(f"{sentence}\n" for sentence in sentences)
    if out:
        write_atomically(out, lines.encode())
        click.echo(f"wrote {len(sentences)} sentence{'s' if len(sentences) > 1 else ''} of {name} to {out}")
        return
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe on Windows has no way to write some letters
        sys.stdout.reconfigure(errors="replace")
    click.echo(lines, nl=False)

"""What `attngan-run` does with a bundle that writes, and the options it has for that."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attngan_runtime.commands.console import option_errors, print_warnings
from attngan_runtime.errors import AttnGANError
from attngan_runtime.saving import check_output_file, write_output

if TYPE_CHECKING:
    from attngan_runtime.bundle import Bundle

OPTIONS = (
    click.Option(["--keywords"], multiple=True, help="Sentences: what they are about, such as 'dog, beach, ball'; "
                 "several times: all seeds for each. About anything if not given."),
    click.Option(["--temperature"], type=float, default=1.0, show_default=True, help="Sentences: 0.05 to 5; below 1 "
                 "they are likelier, above 1 stranger."),
    click.Option(["--top-k"], type=int, default=0, show_default=True, help="Sentences: each word is one of the so many "
                 "likeliest; 1 = always the likeliest, 0 = all."),
    click.Option(["--top-p"], type=float, default=1.0, show_default=True, help="Sentences: each word is one of the "
                 "likeliest that have this much probability together; 1 = all."),
)  # fmt: skip

_PICTURES = (".png", ".webp", ".jpg", ".jpeg", ".gif")


def run(
    bundle: Bundle, seeds: list[int] | None, provider: str, out: Path | None, *, keywords: tuple[str, ...],
    temperature: float, top_k: int, top_p: float,
) -> None:  # fmt: skip
    """Prints sentences, one a line, or writes them to `out` as UTF-8. Raises AttnGANError for options that don't fit.

    For each set of key words all its seeds.
    """
    from attngan_runtime.generators.text import SentenceGenerator

    if out:
        check_sentence_file(out, bundle.name)
    check_sampling(temperature, top_k, top_p, bundle.input("top_k")["maximum"])
    generator = SentenceGenerator.open(bundle, providers=provider)
    with option_errors():
        generator.tokenizer.key_words(keywords, generator.keywords)
    if not keywords:
        note_no_keywords(generator.name)
    seeds = seeds or list(range(8))
    texts = [text for text in keywords for _ in seeds] or None
    with print_warnings():
        sentences = generator.run(
            seeds * max(1, len(keywords)), keywords=texts, temperature=temperature, top_k=top_k, top_p=top_p
        )
    write_sentences(sentences, out, generator.name)


def check_sentence_file(out: Path, name: str) -> None:
    """Raises AttnGANError unless sentences of the generator of this name can be written there."""
    check_output_file(out, "sentences.txt")
    if out.suffix.lower() in _PICTURES:
        raise AttnGANError(f"--out {out}", f"{name} writes sentences", "name a file such as sentences.txt")


def check_sampling(temperature: float, top_k: int, top_p: float, size: int) -> None:
    """Raises AttnGANError naming the option that is out of its range; size: words of the vocabulary."""
    from attngan_runtime.generators.inputs import temperatures, top_ks, top_ps

    with option_errors():
        temperatures(temperature)
        top_ks(top_k, size)
        top_ps(top_p)


def note_no_keywords(name: str) -> None:
    """Says on stderr what the generator of this name writes about without any."""
    click.echo(f"note: no --keywords, so {name} writes about anything", err=True)


def write_sentences(sentences: list[str], out: Path | None, name: str) -> None:
    """Prints the sentences, one a line, or writes them to `out` and says so; name: of their generator."""
    lines = "".join(f"{sentence}\n" for sentence in sentences)
    if out:
        write_output(out, lines.encode())
        click.echo(f"wrote {len(sentences)} sentence{'s' if len(sentences) > 1 else ''} of {name} to {out}")
        return
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe on Windows has no way to write some letters
        sys.stdout.reconfigure(errors="replace")
    click.echo(lines, nl=False)

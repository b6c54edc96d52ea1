"""The `attngan-run` command: draw a grid of pictures, write sentences, or serve both, from a bundle; without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from attngan_runtime.console import OF_SENTENCES, GroupWithDefault, Numbers, refuse_options, sentence_options
from attngan_runtime.errors import AttnGANError

_OF_PICTURES = ("classes", "prompts", "style", "truncation", "columns")


def _print_names(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from attngan_runtime.bundle import shipped_names

        click.echo("\n".join(shipped_names()))
        ctx.exit()


@click.group(
    cls=GroupWithDefault, default="make", usages=["BUNDLE_OR_NAME [OPTIONS]", "serve BUNDLE_OR_NAME [OPTIONS]"],
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
@click.version_option(package_name="attngan")
def main() -> None:
    """Draw pictures in a grid, or write sentences, from a bundle that attngan-export wrote or a shipped generator.

    A bundle's folder named like a subcommand is written ./serve.
    """


@main.command(hidden=True)
@click.argument("bundle_or_name")
@click.option("--seeds", type=Numbers(), help="One picture or sentence a seed, for each class, prompt or set of key "
              "words. 0-63 if not given; 0-7 for sentences and with several prompts.")  # fmt: skip
@click.option("--classes", help="Pictures: names or numbers, such as Sneaker,Bag or 3,7; all of them if not given.")
@click.option("--prompt", "prompts", multiple=True, help="Pictures: what to draw, for a generator that draws from "
              "words; several times: a row each, seeds to the right.")  # fmt: skip
@click.option("--style", help="Pictures: a name or number, where the generator has styles; the first if not given.")
@click.option("--truncation", type=float, default=1.0, show_default=True, help="Pictures: 0 to 2; below 1 they are "
              "more typical.")  # fmt: skip
@click.option("--columns", type=click.IntRange(min=1), help="Pictures: how many a row; if not given, a column a class "
              "or a row a prompt.")  # fmt: skip
@sentence_options
@click.option("--provider", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="File to write: pictures need one, such as grid.png; "
              "sentences are printed, one a line, if not given.")  # fmt: skip
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_names,
              help="Name the shipped generators and leave.")  # fmt: skip
@click.pass_context
def make(
    ctx: click.Context, bundle_or_name: str, seeds: list[int] | None, provider: str, out: Path | None, **options: Any
) -> None:
    """Draw pictures in a grid, or write sentences."""
    from attngan_runtime.bundle import Bundle
    from attngan_runtime.saving import check_parent

    if out:
        check_parent(out)
    bundle = Bundle.load(bundle_or_name)
    if bundle.task == "text":
        from attngan_runtime.write_command import write

        refuse_options(ctx, _OF_PICTURES, f"{bundle.name} writes sentences")
        write(bundle, seeds, provider, out, **{name: options[name] for name in OF_SENTENCES})
    else:
        from attngan_runtime.draw_command import draw

        refuse_options(ctx, OF_SENTENCES, f"{bundle.name} draws pictures")
        if not out:
            raise AttnGANError(
                "Missing option '--out'", f"{bundle.name} draws pictures", "name a file, such as grid.png"
            )
        draw(bundle, seeds, provider, out, **{name: options[name] for name in _OF_PICTURES})


@main.command()
@click.argument("bundle_or_name")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0: the whole network can call it.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--provider", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--open/--no-open", "show", default=True, show_default=True, help="Show the page in a browser.")
def serve(bundle_or_name: str, host: str, port: int, provider: str, show: bool) -> None:
    """Show a page to play with a generator, and answer its pictures or sentences by HTTP."""
    from attngan_runtime.bundle import Bundle
    from attngan_runtime.serve_command import serve as answer

    answer(Bundle.load(bundle_or_name), provider, host, port, show)


if __name__ == "__main__":
    main()

"""The `attngan-run` command: draw a grid of pictures from a bundle, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attngan_runtime.console import Command, Numbers, printed_warnings
from attngan_runtime.errors import AttnGANError

if TYPE_CHECKING:
    from attngan_runtime.session import Generator


def _print_names(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from attngan_runtime.bundle import shipped_names

        click.echo("\n".join(shipped_names()))
        ctx.exit()


@click.command(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("bundle_or_name")
@click.option("--seeds", type=Numbers(), help="One picture a seed and class or prompt; 0-63 if not given, or 0-7 with "
              "several prompts.")  # fmt: skip
@click.option("--classes", help="Names or numbers, such as Sneaker,Bag or 3,7; all of them if not given.")
@click.option("--prompt", "prompts", multiple=True, help="What to draw, for a generator that draws from words; "
              "several times: a row each, seeds to the right.")  # fmt: skip
@click.option("--style", help="A name or number, where the generator has styles; the first if not given.")
@click.option(
    "--truncation", type=float, default=1.0, show_default=True, help="0 to 2; below 1: more typical pictures."
)
@click.option(
    "--columns", type=click.IntRange(min=1), help="Pictures a row; if not given, a column a class or a row a prompt."
)
@click.option("--provider", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Picture file to write.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_names,
              help="Name the shipped generators and leave.")  # fmt: skip
@click.version_option(package_name="attngan")
def main(
    bundle_or_name: str, seeds: list[int] | None, classes: str | None, prompts: tuple[str, ...], style: str | None,
    truncation: float, columns: int | None, provider: str, out: Path,
) -> None:  # fmt: skip
    """Draw a grid of pictures from a bundle that attngan-export wrote, or from a shipped generator."""
    from attngan_runtime.grid import check_picture_path, check_sheet_size, save_grid

    check_picture_path(out)
    from attngan_runtime.inputs import chosen_classes, chosen_style, naming_the_option, truncations
    from attngan_runtime.session import Generator

    with naming_the_option():
        truncations(truncation)
    generator = Generator.load(bundle_or_name, providers=provider)
    chosen = chosen_classes(classes, generator.name, generator.classes)
    number = chosen_style(style, generator.name, generator.styles)
    _check_prompts(prompts, generator)
    seeds, shown, row = _asked(seeds or list(range(8 if len(prompts) > 1 else 64)), chosen, prompts)
    check_sheet_size(len(seeds), generator.height, generator.width, columns or row)
    with printed_warnings():
        pictures = generator.run(seeds, truncation=truncation, style=number, **shown)
    save_grid(pictures, out, columns or row)
    click.echo(f"wrote {len(seeds)} picture{'s' if len(seeds) > 1 else ''} of {generator.name} to {out}")


def _asked(
    seeds: list[int], classes: list[int], prompts: tuple[str, ...]
) -> tuple[list[int], dict[str, Any], int | None]:
    """The seed of each picture, what they show as arguments of `run`, and the pictures in a row (None = any)."""
    if len(prompts) > 1:
        return seeds * len(prompts), {"prompts": [prompt for prompt in prompts for _ in seeds]}, len(seeds)
    if classes:
        # Seeds go down and classes go right, so that a column shows one class.
        return [seed for seed in seeds for _ in classes], {"classes": classes * len(seeds)}, len(classes)
    return seeds, {"prompts": prompts} if prompts else {}, None


def _check_prompts(prompts: tuple[str, ...], generator: Generator) -> None:
    """Raises AttnGANError, naming the option, for prompts that can't be read, are missing or of no use."""
    if generator.tokenizer is None:
        if prompts:
            raise AttnGANError(f"--prompt '{prompts[0][:40]}': {generator.name} draws without words; leave it out")
        return
    if not prompts:
        raise AttnGANError(f"--prompt: {generator.name} draws what words say; give some, such as --prompt 'red heart'")
    from attngan_runtime.inputs import naming_the_option

    with naming_the_option():
        generator.tokenizer.encode(prompts)


if __name__ == "__main__":
    main()

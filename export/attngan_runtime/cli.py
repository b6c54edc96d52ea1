"""The `attngan-run` command: draw a grid of pictures from a bundle, without torch."""

from __future__ import annotations

from pathlib import Path

import click

from attngan_runtime.console import Command, Numbers


def _print_names(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from attngan_runtime.bundle import shipped_names

        click.echo("\n".join(shipped_names()))
        ctx.exit()


@click.command(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("bundle_or_name")
@click.option("--seeds", type=Numbers(), default="0-63", show_default=True, help="One picture a seed and class.")
@click.option("--classes", help="Names or numbers, such as Sneaker,Bag or 3,7; all of them if not given.")
@click.option(
    "--truncation", type=float, default=1.0, show_default=True, help="0 to 2; below 1: more typical pictures."
)
@click.option("--columns", type=click.IntRange(min=1), help="Pictures a row; one column a class if not given.")
@click.option("--provider", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Picture file to write.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_names,
              help="Name the shipped generators and leave.")  # fmt: skip
@click.version_option(package_name="attngan")
def main(
    bundle_or_name: str, seeds: list[int], classes: str | None, truncation: float, columns: int | None,
    provider: str, out: Path,
) -> None:  # fmt: skip
    """Draw a grid of pictures from a bundle that attngan-export wrote, or from a shipped generator."""
    from attngan_runtime.grid import check_picture_path, check_sheet_size, save_grid

    check_picture_path(out)
    from attngan_runtime.inputs import chosen_classes, naming_the_option, truncations
    from attngan_runtime.session import Generator

    with naming_the_option():
        truncations(truncation)
    generator = Generator.load(bundle_or_name, providers=provider)
    chosen = chosen_classes(classes, generator.name, generator.classes)
    # Seeds go down and classes go right, so that a column shows one class.
    columns = columns or len(chosen) or None
    count = len(seeds) * max(1, len(chosen))
    check_sheet_size(count, generator.height, generator.width, columns)
    pairs = [(seed, label) for seed in seeds for label in chosen or [0]]
    pictures = generator.run([seed for seed, _ in pairs], [label for _, label in pairs] if chosen else None, truncation)
    save_grid(pictures, out, columns)
    click.echo(f"wrote {count} picture{'s' if count > 1 else ''} of {generator.name} to {out}")


if __name__ == "__main__":
    main()

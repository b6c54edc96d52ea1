"""The `attngan-run` command: draw a grid of pictures, write sentences, or serve both, from a bundle; without torch."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from attngan_runtime.commands.console import Command, GroupWithDefault, Numbers, refuse_options
from attngan_runtime.generators import GENERATORS, generator_class


def _print_names(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from attngan_runtime.bundle import shipped_names

        click.echo("\n".join(shipped_names()))
        ctx.exit()


@click.group(
    cls=GroupWithDefault, default="make",
    usages=["BUNDLE_OR_NAME [PROMPT]... [OPTIONS]", "serve BUNDLE_OR_NAME [OPTIONS]"],
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
@click.version_option(package_name="attngan")
def main() -> None:
    """Draw pictures in a grid, or write sentences, from a bundle that attngan-export wrote or a shipped generator.

    A bundle's folder named like a subcommand is written ./serve.
    """


class _Make(Command):
    """Takes what the command of any task takes, between --seeds and the rest."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        modules = [import_module(task.command) for task in GENERATORS.values()]
        options = {option.name: option for module in modules for option in module.OPTIONS}
        place = 1 + [option.name for option in own].index("seeds")
        return [*own[:place], *options.values(), *own[place:]]


@main.command(cls=_Make, hidden=True)
@click.argument("bundle_or_name")
@click.option("--seeds", type=Numbers(), help="One picture or sentence a seed, for each class, prompt or set of key "
              "words. 0-63 if not given; 0-7 for sentences and with prompts.")  # fmt: skip
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
    kind, command = generator_class(bundle.task), import_module(GENERATORS[bundle.task].command)
    taken = [option.name for option in command.OPTIONS]
    refuse_options(ctx, options.keys() - set(taken), f"{bundle.name} {kind.verb}s {kind.makes}")
    command.run(bundle, seeds, provider, out, **{name: options[name] for name in taken})


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
    from attngan_runtime.commands.serve import serve as answer

    answer(Bundle.load(bundle_or_name), provider, host, port, show)


if __name__ == "__main__":
    main()

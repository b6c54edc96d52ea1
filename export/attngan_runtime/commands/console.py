"""What every attngan command line shares: errors in one line, options that do not fit, numbers written `0-63`."""

from __future__ import annotations

import contextlib
import errno
import shlex
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import click

from attngan_runtime.errors import AttnGANError, printable

# Raised by click ≥ 8.2 to show a group's whole help, which is no error to put in one line.
_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())


def print_error(error: Exception | str) -> None:
    """Writes the error as one line to stderr."""
    print(f"error: {' '.join(printable(str(error)).split())}", file=sys.stderr)


@contextlib.contextmanager
def print_warnings() -> Iterator[None]:
    """Each `UserWarning` inside the block is one line on stderr, `warning: …`, in place of Python's own two."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        finally:
            for warning in caught:
                print(f"warning: {' '.join(str(warning.message).split())}", file=sys.stderr)


@contextlib.contextmanager
def option_errors() -> Iterator[None]:
    """`classes: 12 is outside …` becomes `--classes: 12 is outside …`, and `top_k: …` becomes `--top-k: …`."""
    try:
        yield
    except AttnGANError as error:
        name, *value = error.subject.split(" ", 1)
        raise error.about(" ".join([f"--{name.replace('_', '-')}", *value])) from None


def refuse_options(ctx: click.Context, names: Collection[str], because: str) -> None:
    """Raises AttnGANError, which names it and its value, for the first of these options that was given."""
    for option in ctx.command.get_params(ctx):
        if option.name in names and ctx.get_parameter_source(option.name) != click.core.ParameterSource.DEFAULT:
            value = ctx.params[option.name]
            shown = shlex.quote(str(value[0] if isinstance(value, tuple) else value)[:40])
            name = option.opts[0] if isinstance(option, click.Option) else option.human_readable_name.strip("[].")
            raise AttnGANError(f"{name} {shown}", because, "leave it out")


def with_parameters(parameters: Sequence[click.Parameter]) -> Callable[[Any], Any]:
    """Decorates a command with parameters that it shares with others."""

    def decorate(command: Any) -> Any:
        command.__click_params__ = [*getattr(command, "__click_params__", ()), *reversed(parameters)]
        return command

    return decorate


def _report_errors(run: Any, *args: Any, **kwargs: Any) -> Any:
    """Calls `run`, turning a wrong option, an AttnGANError or a failing disk into one line and exit code 2.

    Ctrl-C ends it with exit code 130, as shells expect it.
    """
    try:
        return run(*args, **kwargs)
    except _HELP:
        raise
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except click.ClickException as error:
        said = error.format_message()
        if "unexpected extra argument" in said:  # as of --prompt red heart
            said += "; put words that belong together in quotes"
        print_error(said)
    except AttnGANError as error:
        print_error(error)
    except OSError as error:
        full, closed = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG), (errno.EROFS, errno.EACCES)
        if error.errno not in (*full, *closed):
            raise
        remedy = "write elsewhere" if error.errno in closed else "free space or write elsewhere"
        print_error(AttnGANError(error.filename or "output", f"{error.strerror}", remedy))
    sys.exit(2)


class Command(click.Command):
    """A click command whose errors, its options' included, come out as one line and exit code 2."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        context: click.Context = _report_errors(super().make_context, *args, **kwargs)
        return context

    def invoke(self, ctx: click.Context) -> Any:
        return _report_errors(super().invoke, ctx)


class Group(Command, click.Group):
    """A click group that reports errors as `Command` does."""

    command_class = Command


class GroupWithDefault(Group):
    """A group whose hidden command `default` is meant where none is named: `attngan-run BUNDLE` draws.

    Its help is that command's, with the others below. usages: a line of usage each.
    """

    def __init__(self, *args: Any, default: str, usages: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default, self.usages = default, usages

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help", "--version"):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for line, usage in enumerate(self.usages):
            formatter.write_usage(ctx.command_path, usage, "Usage: " if line == 0 else " " * len("Usage: "))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.commands[self.default].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


class Numbers(click.ParamType):
    """Whole numbers written `7`, `1,5,9`, `0-63` or `0-3,9`; gives a list in the order written.

    lowest, highest: bounds of each number, both included.
    """

    name = "numbers"

    def __init__(self, lowest: int = 0, highest: int = 2**32 - 1) -> None:
        self.lowest, self.highest = lowest, highest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        if isinstance(value, list):
            return value
        try:
            numbers = parse_numbers(value)
        except AttnGANError as error:
            self.fail(str(error), param, ctx)
        for number in numbers:
            if not self.lowest <= number <= self.highest:
                self.fail(f"{number} is outside {self.lowest} to {self.highest}", param, ctx)
        return numbers


def parse_numbers(text: str) -> list[int]:
    """`"0-3,9"` → `[0, 1, 2, 3, 9]`. Raises AttnGANError for anything else than whole numbers and ranges."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise AttnGANError(f"'{text[:80]}'", "is not a list of whole numbers", "write 7, 1,5,9 or 0-63")
        if max(len(first), len(last)) > 18:
            raise AttnGANError(f"'{part.strip()[:40]}'", "is too long for a number", "write 7, 1,5,9 or 0-63")
        low, high = int(first), int(last if dash else first)
        if high < low:
            raise AttnGANError(f"'{part.strip()}'", "is a reversed range", f"write {high}-{low}")
        if high - low >= 1_000_000:
            raise AttnGANError(f"'{part.strip()}'", f"asks for {high - low + 1:,} numbers", "a million is the limit")
        numbers.extend(range(low, high + 1))
    return numbers

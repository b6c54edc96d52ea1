"""Numbers on the command line, and errors that take one line."""

from __future__ import annotations

import errno

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused, refuses

from attngan_runtime.commands.console import Command, Group, Numbers, parse_numbers
from attngan_runtime.errors import AttnGANError

RANGES = st.lists(
    st.tuples(st.integers(0, 2**32), st.integers(0, 50)).map(lambda pair: range(pair[0], sum(pair) + 1)), min_size=1
)


@given(RANGES, st.sampled_from([",", ", ", " ,"]))
def test_numbers_come_back_in_the_order_written(ranges: list[range], comma: str) -> None:
    parts = [f"{r[0]}-{r[-1]}" if len(r) > 1 else str(r[0]) for r in ranges]
    assert parse_numbers(comma.join(parts)) == [number for r in ranges for number in r]


@given(st.text(max_size=30))
def test_any_text_is_numbers_or_one_clear_error(text: str) -> None:
    try:
        numbers = parse_numbers(text)
    except AttnGANError:
        return
    assert numbers and all(isinstance(number, int) and number >= 0 for number in numbers)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a list"),
        ("a", "is not a list"),
        ("1,,2", "is not a list"),
        ("1.5", "is not a list"),
        ("-5", "is not a list"),
        ("1-2-3", "is not a list"),
        ("²", "is not a list"),
        ("9-3", "is a reversed range"),
        ("0-1000000", "asks for 1,000,001 numbers"),
        ("9" * 5000, "is too long for a number"),
    ],
)
def test_what_is_no_list_of_numbers(text: str, words: str) -> None:
    with refuses(f"': {words}"):
        parse_numbers(text)


@click.command(cls=Command)
@click.option("--seeds", type=Numbers(0, 9), default="0-3")
@click.option("--kind", type=click.Choice(["a", "b"]), required=True)
@click.option("--fail")
def command(seeds: list[int], kind: str, fail: str | None) -> None:
    if fail == "mistake":
        raise AttnGANError("two\nlines")
    if fail:
        raise OSError(getattr(errno, fail), "reason", "file.png")
    click.echo(seeds)


@click.group(cls=Group)
def group() -> None:
    """A group."""


group.command("draw")(command.callback)  # type: ignore[arg-type]
group.add_command(command, "command")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "a", "--seeds", "3-1"], "Invalid value for '--seeds': '3-1': is a reversed range"),
        (["--kind", "a", "--seeds", "3-10"], "Invalid value for '--seeds': 10 is outside 0 to 9"),
        (["--kind", "c"], "Invalid value for '--kind': 'c'"),
        ([], "Missing option '--kind'"),
        (["--sedes", "1"], "No such option '--sedes'"),
        (["--kind", "a", "extra"], "Got unexpected extra argument (extra)"),
        (["--kind", "a", "--fail", "mistake"], "two lines"),
        (["--kind", "a", "--fail", "ENOSPC"], "file.png: reason; free space"),
    ],
)
@pytest.mark.parametrize("within_group", [False, True])
def test_a_mistake_takes_one_line_and_exit_code_2(arguments: list[str], words: str, within_group: bool) -> None:
    if within_group:
        found = CliRunner().invoke(group, ["command", *arguments])
    else:
        found = CliRunner().invoke(command, arguments)
    refused(found, words)


def test_our_own_bugs_keep_their_traceback() -> None:
    found = CliRunner().invoke(command, ["--kind", "a", "--fail", "EBADF"])
    assert isinstance(found.exception, OSError)


def test_what_is_right_runs_and_help_is_help() -> None:
    assert CliRunner().invoke(command, ["--kind", "a", "--seeds", "5,1-2"]).output == "[5, 1, 2]\n"
    for arguments in (["--help"], ["command", "--help"], []):
        found = CliRunner().invoke(group, arguments)
        assert "Usage" in found.output and "error" not in found.output
    assert CliRunner().invoke(group, ["drew"]).stderr.startswith("error: No such command 'drew'")

"""Progress without a terminal: few lines, whatever happens in between, and none of a bar's redrawing."""

import io
import re
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from attngan import progress as module
from attngan.progress import ProgressLines, progress, progress_bar


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test says so."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def pass_by(seconds):
        now[0] += seconds

    return pass_by


def test_a_day_is_a_line_a_minute_and_one_at_the_end(clock, capsys):
    with progress_bar("", 864_000, 0, "images") as bar:
        for _ in range(86_400):
            clock(1)
            bar.set_description("measuring KID")
            bar.set_description(None)
            bar.update(10)
            bar.set_postfix({"loss": "0.123"}, refresh=False)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 24 * 60 + 1
    assert sum(map(len, lines)) < 150_000 and not any("\r" in line or "█" in line for line in lines)
    assert lines[719] == "50%, 432,000 of 864,000 images, 12:00:00 passed, 10.0 a second, 12:00:00 left, loss 0.123"
    assert lines[-1].startswith("100%, 864,000 of 864,000 images, 24:00:00 passed")


def test_what_goes_back_or_begins_late_counts_from_where_it_began(clock, capsys):
    with progress_bar("words", 1000, 500, "images") as bar:
        clock(60)
        bar.update(100)
        clock(60)
        bar.update(-200)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "words: 60%, 600 of 1,000 images, 01:00 passed, 1.7 a second, 04:00 left"
    assert lines[1] == "words: 40%, 400 of 1,000 images, 02:00 passed"


def test_short_things_say_nothing(clock, capsys):
    assert list(progress([3, 4], "features", "batches")) == [3, 4]
    assert capsys.readouterr().err == ""
    for _ in progress([3, 4], "features", "batches"):
        clock(1.5)
    assert re.fullmatch(r"features: 100%, 2 of 2 batches, 00:03 passed, 0\.7 a second\n", capsys.readouterr().err)


def test_a_terminal_has_a_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("words", 10, 0, "images") as bar:
        assert isinstance(bar, tqdm) and not isinstance(bar, ProgressLines)
        bar.update(10)
    assert "words" in terminal.getvalue() and "\r" in terminal.getvalue()


def test_there_is_one_way_to_show_progress():
    """Nobody else makes a bar, which would fill a log."""
    package = Path(module.__file__).parent
    makers = [path.name for path in package.rglob("*.py") if re.search(r"\btqdm\((?!\))", path.read_text())]
    assert makers == ["progress.py"]

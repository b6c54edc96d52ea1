"""`attngan sample`: where each picture stands, what lies between two seeds, and which options contradict each other."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from refusals import refused

from attngan.checkpoint import save_tensors
from attngan.cli import main
from attngan.config import RunConfig
from attngan.generators import open_generator
from attngan.networks.image import ImageGenerator
from attngan.presets import preset
from attngan.visualization.interpolation import great_circle
from attngan.visualization.tiles import enlarge, legible_side
from attngan_runtime.cli import main as attngan_run

SIDE, CELL = 16, 18  # of the preset tiny, with its gap


def call(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An untrained generator of two classes."""
    return save_run(tmp_path_factory.mktemp("runs") / "pets", classes=("cat", "dog"))


def save_run(folder, classes=(), **network_changes):
    network, training = preset("tiny")
    network = replace(network, classes=len(classes), **network_changes)
    torch.manual_seed(0)
    folder.mkdir()
    (folder / "config.json").write_text(RunConfig("tiny", network, training, tuple(classes)).to_json())
    save_tensors(folder / "generator.safetensors", ImageGenerator(network).state_dict())
    return folder


def drawn(tmp_path, *args, name="grid.png"):
    result = call("sample", *args, "--out", tmp_path / name)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / name) as picture:
        return np.asarray(picture.convert("RGB"))


def named(sheet, rows, columns):
    """A table of so many rows and columns without the names beside and above it."""
    return sheet[-(rows * CELL - 2) :, -(columns * CELL - 2) :]


def cell(sheet, row, column):
    return sheet[row * CELL : row * CELL + SIDE, column * CELL : column * CELL + SIDE]


def test_truncations_go_down_and_seeds_go_right_in_a_band_for_each_class(run, tmp_path):
    sheet = drawn(tmp_path, run, "--seeds", "3,5,8", "--truncation", "0,0.5,1", "--classes", "dog,cat")
    sheet = named(sheet, 6, 3)
    for band, label in ((0, 1), (3, 0)):
        for row, truncation in enumerate((0.0, 0.5, 1.0)):
            expected = open_generator(str(run)).sample([3, 5, 8], [label] * 3, truncation)
            for column in range(3):
                np.testing.assert_array_equal(cell(sheet, band + row, column), expected[column])
        assert (cell(sheet, band, 0) == cell(sheet, band, 2)).all(), "at 0 every seed gives the same picture"
        assert (cell(sheet, band + 2, 0) != cell(sheet, band + 2, 2)).any()


def test_interpolation_goes_from_seed_to_seed_a_row_a_pair(run, tmp_path):
    sheet = drawn(tmp_path, run, "--seeds", "3,5,8", "--interpolate", 4, "--classes", "dog")
    assert sheet.shape == (2 * CELL - 2, 5 * CELL - 2, 3)
    three, five, eight = open_generator(str(run)).sample([3, 5, 8], [1] * 3)
    for row, ends in enumerate(((three, five), (five, eight))):
        np.testing.assert_array_equal(cell(sheet, row, 0), ends[0])
        np.testing.assert_array_equal(cell(sheet, row, 4), ends[1])
        steps = [np.abs(cell(sheet, row, c + 1).astype(int) - cell(sheet, row, c)).mean() for c in range(4)]
        whole = np.abs(ends[1].astype(int) - ends[0]).mean()
        assert 0 < max(steps) < 0.6 * whole


def test_interpolation_by_class_keeps_the_classes_in_bands(run, tmp_path):
    both = drawn(tmp_path, run, "--seeds", "3,5,8", "--interpolate", 2)
    dog = drawn(tmp_path, run, "--seeds", "3,5,8", "--interpolate", 2, "--classes", "dog", name="dog.png")
    np.testing.assert_array_equal(both[2 * CELL :], dog)


def test_a_webp_is_a_closed_loop_without_jumps(run, tmp_path):
    drawn(tmp_path, run, "--seeds", "3,5,8", "--interpolate", 6, name="loop.webp")
    with Image.open(tmp_path / "loop.webp") as film:
        assert film.n_frames == 18 and film.info["loop"] == 0
        frames = []
        for index in range(18):
            film.seek(index)
            frames.append(np.asarray(film.convert("RGB")).astype(int))
            assert film.info["duration"] == 40
    assert frames[0].shape == (160, 2 * 162 - 2, 3)
    for index, seed in ((0, 3), (6, 5), (12, 8)):
        pictures = enlarge(open_generator(str(run)).sample([seed, seed], [0, 1]), 160)
        np.testing.assert_array_equal(frames[index][:, :160], pictures[0])
        np.testing.assert_array_equal(frames[index][:, 162:], pictures[1])
    changes = [np.abs(frames[i] - frames[i - 1]).mean() for i in range(18)]  # the first is from the last frame
    assert max(changes[i] for i in (0, 1, 6, 7, 12, 13)) < 0.6 * max(changes), "slow at the seeds"


def test_a_gif_shows_the_same_loop(run, tmp_path):
    options = (run, "--seeds", "3,5,8", "--interpolate", 2)
    drawn(tmp_path, *options, name="loop.webp")
    drawn(tmp_path, *options, name="loop.gif")
    with Image.open(tmp_path / "loop.webp") as webp, Image.open(tmp_path / "loop.gif") as gif:
        assert webp.n_frames == gif.n_frames == 6
        for index in range(6):
            webp.seek(index)
            gif.seek(index)
            change = np.asarray(webp.convert("RGB")).astype(int) - np.asarray(gif.convert("RGB"))
            assert np.abs(change).mean() < 8, "noise in 256 colours"


def test_a_still_webp_and_an_unconditional_generator(tmp_path):
    plain = save_run(tmp_path / "plain", channels=4)
    assert drawn(tmp_path, plain, "--seeds", "0-3", name="a.webp").shape == (34, 34, 3)
    truncated = drawn(tmp_path, plain, "--seeds", "0-3", "--truncation", "0.5,1")
    np.testing.assert_array_equal(cell(named(truncated, 2, 4), 1, 2), drawn(tmp_path, plain, "--seeds", "2"))
    assert drawn(tmp_path, plain, "--seeds", "0-3", "--interpolate", 2).shape == (3 * CELL - 2, 3 * CELL - 2, 3)
    assert drawn(tmp_path, plain, "--seeds", "0,1", "--interpolate", 2, name="b.webp").shape == (160, 160, 3)
    assert drawn(tmp_path, plain, "--seeds", "0,1", "--attention", "0,15").shape == (2 * 180 - 2, 3 * 162 - 2, 3)


vectors = st.lists(st.floats(-4, 4, width=32), min_size=4, max_size=4).map(torch.tensor)


@given(vectors, vectors, st.floats(0, 1))
def test_a_great_circle_turns_evenly_and_keeps_between_the_lengths(start, end, share):
    lengths = sorted((float(start.norm()), float(end.norm())))
    if lengths[0] < 0.1 or angle(start, end) > math.pi - 0.01:
        return  # no direction, or no one way round
    first, point, last = great_circle(start, end, torch.tensor([0.0, share, 1.0]))
    torch.testing.assert_close(first, start, rtol=0, atol=1e-6)
    torch.testing.assert_close(last, end, rtol=0, atol=1e-6)
    expected = (1 - share) * float(start.norm()) + share * float(end.norm())
    assert float(point.norm()) == pytest.approx(expected, abs=1e-4)
    assert angle(start, point) == pytest.approx(share * angle(start, end), abs=2e-3)


def angle(one, other):
    cosine = torch.nn.functional.cosine_similarity(one.double(), other.double(), dim=0)
    return float(torch.acos(cosine.clamp(-1, 1)))


@given(st.sampled_from([16, 32, 64, 128, 256]))
def test_small_pictures_are_enlarged_by_whole_numbers(side):
    shown = legible_side(side)
    assert shown % side == 0 and shown >= 128 and shown < 2 * max(side, 160)
    picture = np.arange(side * side, dtype=np.int64).reshape(1, side, side, 1)
    large = enlarge(picture, shown)
    assert large.shape == (1, shown, shown, 1)
    np.testing.assert_array_equal(large[:, :: shown // side, :: shown // side], picture)
    np.testing.assert_array_equal(large[:, shown // side - 1 :: shown // side, :: shown // side], picture)


def test_a_table_of_many_seeds_is_wrapped_and_each_picture_enlarged(run, tmp_path):
    sheet = drawn(tmp_path, run, "--seeds", "0-39", "--scale", 2)
    assert 0.5 < sheet.shape[0] / sheet.shape[1] < 2
    last = open_generator(str(run)).sample([39, 39], [0, 1]).repeat(2, 1).repeat(2, 2)
    found = [place for place in range(sheet.shape[0] - 31) if (sheet[place : place + 32, -32:] == last[1]).all()]
    assert len(found) == 1
    np.testing.assert_array_equal(sheet[found[0] :, -66:-34][:32], last[0])
    one_class = drawn(tmp_path, run, "--seeds", "0-39", "--classes", "dog", "--columns", 8)
    assert one_class.shape == (5 * CELL - 2, 8 * CELL - 2, 3)


@pytest.mark.parametrize("options", [
    ("fashion-32", "--seeds", "0-18", "--classes", "Bag,Coat", "--scale", 2),
    ("fashion-32", "--seeds", "0-2", "--truncation", "0.5,1", "--classes", "Bag,Coat"),
    ("emoji-64", "red heart", "green dragon", "--style", "twitter", "--columns", 3),
    ("emoji-64", "--prompt", "red heart"),
])  # fmt: skip
def test_the_command_without_torch_draws_the_same_sheet(options, tmp_path):
    ours = drawn(tmp_path, *options)
    result = CliRunner().invoke(attngan_run, [str(word) for word in (*options, "--out", tmp_path / "run.png")])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "run.png") as picture:
        theirs = np.asarray(picture.convert("RGB"))
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).max() <= 1, "roundings apart"


SAMPLE = ("sample", "{run}", "--out", "{tmp}/a.png")
FILM = ("sample", "{run}", "--out", "{tmp}/a.webp")
MISTAKES = [
    ((*SAMPLE, "--truncation", "0.5,much"), "--truncation: 0.5,much is not numbers"),
    ((*SAMPLE, "--truncation", "0.5,3"), "--truncation: 3 is outside 0 to 2"),
    ((*SAMPLE, "--interpolate", "0"), "--interpolate"),
    ((*SAMPLE, "--interpolate", "4", "--seeds", "7"), "--interpolate 4: one seed has no other to go to"),
    ((*SAMPLE, "--interpolate", "4", "--truncation", "0,1"), "2 values, where --interpolate takes one"),
    ((*SAMPLE, "--interpolate", "4", "--attention", "1,1"), "--attention 1,1: not together with --interpolate"),
    ((*SAMPLE, "--attention", "1,1", "--truncation", "0,1"), "2 values, where --attention takes one"),
    ((*SAMPLE, "--attention", "3"), "--attention 3: is not a point"),
    ((*SAMPLE, "--attention", "1,2,3"), "--attention 1,2,3: is not a point"),
    ((*SAMPLE, "--attention", "16,3"), "--attention 16,3: outside of the 16×16 picture"),
    ((*SAMPLE, "--attention", "3,16"), "give X and Y from 0 to 15"),
    ((*SAMPLE, "--attention", "3,3", "--seeds", "0-9999"), "make a sheet of"),
    ((*SAMPLE, "--interpolate", "900", "--seeds", "0-9999"), "make a sheet of"),
    ((*SAMPLE, "--truncation", "0,1", "--seeds", "0-999999"), "--seeds: "),
    ((*SAMPLE, "--truncation", "0,1", "--seeds", "0-999999", "--scale", "2"), "--seeds: "),
    ((*SAMPLE, "--seeds", "0", "--scale", "100000"), "--scale 100000: "),
    ((*SAMPLE, "--seeds", "0,1", "--interpolate", "9999999"), "--interpolate 9999999: "),
    ((*SAMPLE, "--interpolate", "3", "--scale", "2"), "--scale 2: not together with --interpolate 3"),
    ((*SAMPLE, "--attention", "3,3", "--columns", "2"), "--columns 2: not together with --attention 3,3"),
    ((*FILM, "--interpolate", "60"), "--interpolate: 3,840 frames of 2 pictures of 160² pixels are more than"),
    (("sample", "{plain}", "--out", "{tmp}/a.png", "--attention", "3,3"), "plain has no self-attention to look at"),
    (("sample", "{crowd}", "--out", "{tmp}/a.webp", "--interpolate", "2", "--seeds", "0,1"), "--classes: 110 pictures"),
]


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    folder = tmp_path_factory.mktemp("others")
    return {
        "plain": save_run(folder / "plain", attention=()),
        "crowd": save_run(folder / "crowd", classes=[f"class {index}" for index in range(110)]),
    }


@pytest.mark.parametrize(("args", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_contradictions_get_one_line_and_nothing_is_drawn(args, message, run, others, tmp_path, monkeypatch):
    monkeypatch.setattr(ImageGenerator, "forward", None)  # the mistake is found before any picture is drawn
    result = call(*(arg.format(run=run, tmp=tmp_path, **others) for arg in args))
    refused(result, message)
    assert not list(tmp_path.iterdir())


def test_the_command_line_imports_nothing_heavy():
    program = "import sys, attngan.cli; sys.exit(not {'torch', 'matplotlib', 'jinja2'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

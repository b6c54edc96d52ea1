"""Curves of runs in every state: whole, short, torn, and not yet begun."""

import json
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from refusals import refuses

from attngan.run_folder import column, read_lines, read_object
from attngan.visualization.curve_panels import PANELS, RunRecords, running_mean
from attngan.visualization.curves import curves_svg, draw_curves


def line(images, **figures):
    return json.dumps({"images": images, **figures}) + "\n"


def metrics(images, **more):
    figures = {"loss_d": 0.9, "loss_g": 1.1, "real": 0.3, "fake": -0.2, "penalty": 0.1}
    return line(images, **figures, learning_rate=4e-4, gamma=1.0, **more)


@pytest.fixture
def folder(tmp_path):
    more = {"held_out": 0.2, "augment_probability": 0.1, "overfitting": 0.2}
    (tmp_path / "metrics.jsonl").write_text("".join(metrics(100 * i, **more) for i in range(30)))
    kids = [(1000, 0.05, True), (2000, 0.03, True), (2900, 0.04, False)]
    quality = [line(images, kid=kid, kid_error=0.002, best=best) for images, kid, best in kids]
    (tmp_path / "quality.jsonl").write_text("".join(quality))
    (tmp_path / "events.jsonl").write_text(line(500, event="skipped step", detail="") + line(800, event="rollback"))
    return tmp_path


def test_every_panel_of_a_whole_run_is_drawn_as_markup(folder):
    drawn = curves_svg(RunRecords.read(folder))
    assert list(drawn) == [title for title in PANELS if title != "Likelihood"]  # which is of sentences
    for svg in drawn.values():
        ET.fromstring(svg)
        assert "currentColor" in svg and "#010203" not in svg and "#040506" not in svg
        assert svg.startswith("<svg")
    assert "0.0300 ± 0.0020" in drawn["KID"], "the last of the best, not the first nor the last of all"
    for label in ("real, held out", "generated"):
        assert label in drawn["Mean logits"]


def test_a_run_of_sentences_has_likelihood_in_place_of_augmentation(tmp_path):
    lines = [{"images": 640 * step, "loss": 5.0 / step, "held_out_nll": 5.5 / step} for step in range(1, 5)]
    (tmp_path / "likelihood.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    drawn = curves_svg(RunRecords.read(tmp_path))
    assert list(drawn) == ["Likelihood"] and "held out" in drawn["Likelihood"] and "nats a token" in drawn["Likelihood"]


def test_curves_of_sentences_say_what_they_are_of(folder):
    rates = [line(100 * place, learning_rate=1e-4 - 3e-6 * place, gamma=0.0) for place in range(30)]
    (folder / "metrics.jsonl").write_text("".join(rates))
    assert ">KID</text>" in curves_svg(RunRecords.read(folder))["KID"].replace("\n", "")
    (folder / "likelihood.jsonl").write_text(line(64, loss=3.0, held_out_nll=2.0))
    drawn = curves_svg(RunRecords.read(folder))
    assert ">KID of sentence embeddings</text>" in drawn["KID"] and "real sentences seen, thousands" in drawn["KID"]
    assert ">2.5e−5</text>" in drawn["Learning rate and γ"]  # with a zero more it would be cut off


@pytest.mark.parametrize("text", ["", "{", line(64, loss=None, held_out_nll="low"), line(0, loss=0.0), "7\n[]\n"])
def test_strange_files_of_likelihood_are_drawn_as_far_as_they_go(tmp_path, text, recwarn):
    (tmp_path / "likelihood.jsonl").write_text(text)
    draw_curves(tmp_path)
    assert set(curves_svg(RunRecords.read(tmp_path))) <= {"Likelihood"}
    assert not [str(warning.message) for warning in recwarn]


def test_the_picture_is_written_and_shows_what_is_new(folder):
    draw_curves(folder)
    with Image.open(folder / "curves.png") as picture:
        assert picture.size == (1300, 700) and picture.format == "PNG"
        before = np.asarray(picture.convert("RGB")).copy()
    with open(folder / "quality.jsonl", "a") as file:
        file.write(line(2500, kid=0.01, kid_error=0.001, best=True))
    draw_curves(folder)
    with Image.open(folder / "curves.png") as picture:
        changed = np.argwhere((np.asarray(picture.convert("RGB")) != before).any(-1))
    assert changed[:, 0].min() > 340 and changed[:, 1].min() > 800, "KID is the last panel"
    assert not list(folder.glob("*.part"))


def test_equal_files_give_equal_bytes(folder):
    assert curves_svg(RunRecords.read(folder)) == curves_svg(RunRecords.read(folder))


def test_events_are_marked_in_every_panel(folder):
    for title, svg in curves_svg(RunRecords.read(folder)).items():
        assert svg.count("stroke: #d1344b") == svg.count("stroke: #b08900") == 1, title


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"images": 1, "lo',
        metrics(16),
        metrics(16) + '{"images": 32, "loss_d": 0.',
        line(16, loss_d=float("nan"), loss_g=float("inf"), real=None, penalty="a lot"),
        line(16, penalty=0.0, learning_rate=0.0, gamma=0.0) + line(32, penalty=-1.0),
        "[1, 2]\n7\nnull\n" + metrics(16),
        line(0, loss_d=1.0) + line(0, loss_d=2.0),
        json.dumps({"loss_d": 1.0}) + "\n",
        metrics(32) + metrics(16),
    ],
)
def test_short_torn_and_strange_files_are_drawn_as_far_as_they_go(tmp_path, text, recwarn):
    for name in ("metrics", "quality", "events"):
        (tmp_path / f"{name}.jsonl").write_text(text)
    draw_curves(tmp_path)
    assert not [str(warning.message) for warning in recwarn]


def test_a_folder_without_records_gives_a_picture_that_says_so(tmp_path):
    draw_curves(tmp_path)
    assert (tmp_path / "curves.png").exists() and curves_svg(RunRecords.read(tmp_path)) == {}


def test_a_disk_that_refuses_is_one_error_and_keeps_the_old_picture(folder, monkeypatch):
    (folder / "curves.png").write_bytes(b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with refuses("curves.png: No space"):
        draw_curves(folder)
    assert (folder / "curves.png").read_bytes() == b"old" and not list(folder.glob("*.part"))


def test_no_state_of_matplotlib_is_touched(tmp_path):
    before = dict(matplotlib.rcParams)
    draw_curves(tmp_path)
    assert dict(matplotlib.rcParams) == before


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=80))
def test_the_running_mean_stays_between_the_extremes(values):
    result = running_mean(np.array(values))
    assert (result >= min(values) - 1e-9).all() and (result <= max(values) + 1e-9).all()
    assert result[0] == pytest.approx(values[0])


def test_the_running_mean_follows_a_step_and_steps_over_nan():
    values = np.concatenate([np.zeros(100), [np.nan], np.ones(99)])
    result = running_mean(values)
    assert np.isnan(result[100]) and np.isfinite(np.delete(result, 100)).all()
    assert result[99] == 0 and 0.05 < result[101] < 0.2 and result[-1] > 0.99


def test_records_are_read_as_far_as_they_are_whole(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(line(1, a=2.5).encode() + b'{"images": 2, "a": "x"}\n' + b'{"images": 3, "a": \xff')
    records = read_lines(path)
    np.testing.assert_array_equal(column(records, "images"), [1, 2])
    np.testing.assert_array_equal(column(records, "a"), [2.5, np.nan])
    assert read_lines(tmp_path / "none.jsonl") == [] and read_object(tmp_path / "none.json") == {}
    path.write_text("[]")
    assert read_object(path) == {}

"""Animations: every frame in every format, and one line where the film's program is missing or fails."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from refusals import refuses

from attngan.visualization.animation import check_animation_path, write_animation


def frames(mode="RGB", count=5):
    """Of one colour each, the first half of each transparent where it can be."""
    made = []
    for index in range(count):
        pixels = np.full((32, 64, 4), (40 * index, 200, 90, 255), np.uint8)
        pixels[:, :32, 3] = 0
        made.append(Image.fromarray(pixels).convert(mode))
    return made


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    """Makes a program of that name, with this body, the only one that is found; returns where it is."""

    def make(body):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "ffmpeg").write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
        (folder / "ffmpeg").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return make


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_gif_and_webp_have_all_frames_and_start_over(mode, suffix, tmp_path):
    path = tmp_path / "new" / f"loop{suffix}"
    check_animation_path(path)
    write_animation(frames(mode), path, lossless=True)
    with Image.open(path) as film:
        assert film.n_frames == 5 and film.info["loop"] == 0
        for index, frame in enumerate(frames(mode)):
            film.seek(index)
            film.load()
            assert film.info["duration"] == 40
            shown = np.asarray(film.convert("RGBA")).astype(int)
            wanted = np.asarray(frame.convert("RGBA")).astype(int)
            assert np.abs(shown - wanted)[:, 32:].max() <= 2
            if mode == "RGBA":
                assert (shown[:, :32, 3] == 0).all() if suffix == ".webp" else (shown[:, :32] == 255).all()


def test_a_film_is_given_every_frame_on_white(ffmpeg, tmp_path):
    ffmpeg("open(sys.argv[-1], 'wb').write(' '.join(sys.argv).encode() + b'|' + sys.stdin.buffer.read())")
    path = tmp_path / "new" / "loop.mp4"
    check_animation_path(path)
    write_animation(frames("RGBA"), path, lossless=True)
    typed, _, pixels = path.read_bytes().partition(b"|")
    assert b"-s 64x32 -r 25" in typed
    shown = np.frombuffer(pixels, np.uint8).reshape(5, 32, 64, 3)
    assert (shown[:, :, :32] == 255).all() and shown[:, 0, 63, 0].tolist() == [0, 40, 80, 120, 160]


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")
def test_a_film_can_be_played(tmp_path):
    write_animation(frames(), tmp_path / "loop.mp4", lossless=True)
    said = subprocess.run(["ffmpeg", "-i", tmp_path / "loop.mp4"], capture_output=True, text=True, check=False).stderr
    assert "64x32" in said and "25 fps" in said and "00:00:00.20" in said


def test_without_ffmpeg_there_are_other_formats(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with refuses("loop.mp4: ffmpeg is not installed"):
        check_animation_path(tmp_path / "loop.mp4")


@pytest.mark.parametrize("body", ["sys.exit('no such\\ncoder')", "pass"])
def test_what_ffmpeg_says_is_one_line_and_nothing_is_written(body, ffmpeg, tmp_path):
    ffmpeg(body)
    with refuses("loop.mp4: ffmpeg failed .*(coder|code 0)"):
        write_animation(frames(), tmp_path / "a" / "loop.mp4", lossless=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]

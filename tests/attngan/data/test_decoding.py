"""Many files at once: what is said of those that can't be read, and what Ctrl-C does meanwhile."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from picture_files import make, png
from PIL import Image

from attngan.cli import main
from attngan.data import decoding, load_pictures
from attngan.training.run_logger import RunLogger


def test_all_that_cannot_be_read_is_in_data_json(tmp_path: Path) -> None:
    files = {f"{index}.png": b"" for index in range(7)}
    pictures = load_pictures(make(tmp_path, files | {"a.png": png(1)}, False), resolution=8, channels=1)
    RunLogger(tmp_path, False).save_data("data", pictures, 0)
    written = json.loads((tmp_path / "data.json").read_text())
    assert written["skipped"] == 7 and written["unreadable"] == dict.fromkeys(files, "empty file")


def damaged_tiff() -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(pixels).save(buffer, "TIFF", compression="tiff_lzw")
    content = bytearray(buffer.getvalue())
    content[len(content) // 3 : len(content) // 3 + 40] = b"\xff" * 40
    return bytes(content)


def test_libtiff_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path, {"a.tif": damaged_tiff(), "b.png": png(1)}, False)
    assert [name for name, _ in load_pictures(path, resolution=8, channels=1).skipped] == ["a.tif"]
    assert capfd.readouterr().err == ""


def test_ctrl_c_while_reading_exits_130_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    def interrupted(*_: object) -> None:
        begun.append(1)
        if len(begun) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        raise decoding.UnreadablePictureError("not now")

    monkeypatch.setattr(decoding, "decode_picture", interrupted)
    data = make(tmp_path, {f"{index:03}.png": png(1) for index in range(500)}, False)
    command = ["train", "--preset", "tiny", "--data", str(data), "--out", str(tmp_path / "run"), "--device", "cpu"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a program in the background lacks
    try:
        ended = CliRunner().invoke(main, command)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.exit_code == 130 and ended.output.splitlines() == ["stopped"], ended.output
    assert len(begun) < 100 and not (tmp_path / "run").exists()

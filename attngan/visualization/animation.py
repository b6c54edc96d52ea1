"""Pictures one after another as a file: WebP or GIF by Pillow, MP4 where ffmpeg is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from attngan.errors import AttnGANError
from attngan_runtime.generators.grid import check_picture_path, on_white, save_picture
from attngan_runtime.saving import check_output_file, write_output

FILM = ".mp4"  #: what is always an animation
ANIMATIONS = (".webp", ".gif", FILM)  #: endings of --out that ask for one, where there is one to show
_A_SECOND = 25  # frames, as film and television have it


def check_animation_path(path: Path) -> None:
    """Raises AttnGANError unless an animation can be written to `path`; costs nothing, so call it before the work."""
    if path.suffix.lower() != FILM:
        check_picture_path(path)
        return
    check_output_file(path, "film.mp4")
    _find_ffmpeg(path)


def write_animation(frames: Sequence[Image.Image], path: Path, *, lossless: bool) -> None:
    """Writes frames of one size and mode (L, RGB or RGBA), 25 a second; WebP and GIF start over at their end.

    GIF and MP4 show what is transparent on white; GIF has 256 colours a frame. lossless: of WebP.
    Raises AttnGANError if the file can't be written.
    """
    suffix = path.suffix.lower()
    if suffix == FILM:
        write_output(path, _film([on_white(frame).convert("RGB") for frame in frames], path))
        return
    coding: dict[str, object] = {"lossless": True} if lossless else {"quality": 90}
    first, *others = [on_white(frame) for frame in frames] if suffix == ".gif" else frames
    options = {"save_all": True, "append_images": others, "duration": 1000 // _A_SECOND, "loop": 0}
    save_picture(first, path, **options, **(coding if suffix == ".webp" else {}))


def _film(frames: Sequence[Image.Image], path: Path) -> bytes:
    """The content of an MP4 as every browser plays it: ffmpeg's usual coding, colour at half the resolution."""
    wide, high = frames[0].size
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{wide}x{high}", "-r", str(_A_SECOND), "-i", "-"]
    with tempfile.TemporaryDirectory(prefix="attngan-") as folder:
        film = Path(folder) / "film.mp4"  # a pipe can't be gone back in, as the index at its head needs
        coded = ["-pix_fmt", "yuv420p", "-q:v", "3", "-movflags", "+faststart", "-y", str(film)]
        command = [_find_ffmpeg(path), "-loglevel", "error", *raw, *coded]
        done = subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), capture_output=True)
        if done.returncode or not film.exists():
            said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
            raise AttnGANError(f"--out {path}", f"ffmpeg failed ({said[-1][:200]})", "name a .webp or a .gif")
        return film.read_bytes()


def _find_ffmpeg(path: Path) -> str:
    """AttnGANError if it is not installed."""
    if found := shutil.which("ffmpeg"):
        return found
    raise AttnGANError(f"--out {path}", "ffmpeg is not installed", "install it, or name a .webp or a .gif")

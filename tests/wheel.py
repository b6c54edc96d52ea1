"""Builds the wheel, installs it with [cpu,serve] alone into a clean environment, draws, writes and serves.

Run by `make test`. Fails if torch or onnx came along, or if no grid was drawn.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def check_server(attngan_run: Path, cwd: Path) -> None:
    """The page and a picture of `attngan-run serve`, which finds its page inside the wheel."""
    command = [str(attngan_run), "serve", "fashion-32", "--port", "0", "--no-open"]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[3]
            pages = {name: urllib.request.urlopen(address + name).read() for name in ("", "page.js", "api/generate")}
        finally:
            process.terminate()
    assert b'data-runs="server"' in pages[""] and pages["page.js"] and pages["api/generate"].startswith(b"\x89PNG")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=ROOT)
        (wheel,) = folder.glob("attngan-*.whl")
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{wheel}[cpu,serve]", cwd=folder)
        installed = run(python, "-m", "pip", "list", "--format=freeze", cwd=folder)
        unwanted = [line for line in installed.split() if line.split("==")[0] in ("torch", "onnx", "triton")]
        assert not unwanted, f"[cpu,serve] brought {unwanted}"
        print(
            run(
                folder / "env/bin/attngan-run",
                "fashion-32",
                "--seeds",
                "0-63",
                "--out",
                "grid.png",
                cwd=folder,
            ).strip()
        )
        words = ("--keywords", "man, motorcycle, street", "--seeds", "0-3")
        sentences = run(folder / "env/bin/attngan-run", "captions", *words, cwd=folder).splitlines()
        assert len(sentences) == 4 and len(set(sentences)) > 1, sentences
        print(sentences[0])
        check_server(folder / "env/bin/attngan-run", cwd=folder)
        with Image.open(folder / "grid.png") as picture:
            low, high = picture.convert("L").getextrema()
            assert high - low > 200, f"the grid is flat: {low} to {high}"
            size = f"{picture.size[0]}×{picture.size[1]}"
        print(f"wheel: {wheel.name} ({wheel.stat().st_size / 1e6:.1f} MB) drew {size} pixels without torch")


if __name__ == "__main__":
    main()

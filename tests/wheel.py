"""Builds the wheel, installs it with [cpu] alone into a clean environment and draws from the shipped generator.

Run by `make test`. Fails if torch or onnx came along, or if no grid was drawn.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=ROOT)
        (wheel,) = folder.glob("attngan-*.whl")
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{wheel}[cpu]", cwd=folder)
        installed = run(python, "-m", "pip", "list", "--format=freeze", cwd=folder)
        unwanted = [line for line in installed.split() if line.split("==")[0] in ("torch", "onnx", "triton")]
        assert not unwanted, f"[cpu] brought {unwanted}"
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
        with Image.open(folder / "grid.png") as picture:
            low, high = picture.convert("L").getextrema()
            assert high - low > 200, f"the grid is flat: {low} to {high}"
            size = f"{picture.size[0]}×{picture.size[1]}"
        print(f"wheel: {wheel.name} ({wheel.stat().st_size / 1e6:.1f} MB) drew {size} pixels without torch")


if __name__ == "__main__":
    main()

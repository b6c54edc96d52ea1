"""The runtime needs neither torch nor onnx, and imports ONNX Runtime no sooner than it draws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

HEAVY = "('torch', 'onnx', 'onnxscript', 'triton', 'attngan', 'attngan_export', 'attngan_kernels')"


def run(script: str, *arguments: Any) -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_drawing_imports_neither_torch_nor_onnx(make_bundle: Any, tmp_path: Path) -> None:
    script = f"""if True:
        import sys
        from attngan_runtime.cli import main
        main(["--seeds", "0", "--out", sys.argv[2], sys.argv[1]], standalone_mode=False)
        assert "onnxruntime" in sys.modules
        print([name for name in {HEAVY} if name in sys.modules])
    """
    assert run(script, make_bundle(), tmp_path / "grid.png").endswith("[]")


def test_importing_waits_with_what_is_slow() -> None:
    script = """if True:
        import sys
        import attngan_runtime, attngan_runtime.commands.console, attngan_runtime.cli
        print([name for name in ('numpy', 'PIL', 'onnxruntime') if name in sys.modules])
        from attngan_runtime import AttnGANError, Bundle, Generator
        print([name for name in ('PIL', 'onnxruntime') if name in sys.modules])
        try:
            attngan_runtime.Nothing
        except AttributeError as error:
            print(error)
    """
    assert run(script).split("\n") == ["[]", "[]", "module 'attngan_runtime' has no attribute 'Nothing'"]


def test_onnx_runtime_says_nothing_of_its_own(make_bundle: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "attngan_runtime.cli", make_bundle(), "--seeds", "0", "--out", tmp_path / "g.png"]
    found = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")

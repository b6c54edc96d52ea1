"""Opening a model in ONNX Runtime, on the provider that was asked for or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import io
import math
import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from attngan_runtime.errors import AttnGANError, first_line

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

_SHORT = {"cpu": CPU, "cuda": CUDA}
_INSTALL = 'pip install "attngan[cpu]", or "attngan[gpu]" for CUDA'
# Distributions that all install the one folder `onnxruntime`, each over the other.
_DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")


def open_session(model: bytes, providers: str | Sequence[str] | None, threads: int | None, where: str) -> Any:
    """An onnxruntime.InferenceSession of `model`, whose first provider is the first of `providers` (default: CPU).

    providers: ONNX Runtime's names, or "cpu" or "cuda". threads: default `usable_cores()`. where: for messages.
    Raises AttnGANError if ONNX Runtime is missing or installed twice, runs elsewhere or can't read the model.
    """
    wanted = [_SHORT.get(name, name) for name in ([providers] if isinstance(providers, str) else providers or [CPU])]
    if threads is not None and threads < 1:
        raise AttnGANError("threads", f"{threads} is less than 1", "leave it out for one a core")
    onnxruntime = import_onnxruntime()
    first = wanted[0]
    if first not in onnxruntime.get_available_providers():
        installed = ", ".join(onnxruntime.get_available_providers())
        remedy = 'pip uninstall onnxruntime, then pip install "attngan[gpu]"' if first == CUDA else "use one of those"
        raise AttnGANError(f"provider {first}", f"this ONNX Runtime has {installed}", remedy)
    try:
        with _quiet(onnxruntime, first == CUDA) as said:
            session = onnxruntime.InferenceSession(
                model, _options(onnxruntime, threads), providers=[_with_settings(name) for name in wanted]
            )
    except Exception as error:  # ONNX Runtime raises a class of its own for each of its error codes
        reason = first_line(error)
        raise AttnGANError(
            where,
            f"ONNX Runtime {onnxruntime.__version__} can't open it ({reason})",
            "export the generator again, or install another version of onnxruntime",
        ) from None
    if session.get_providers()[0] != first:
        reason = said.getvalue().partition("\n")[0][:200] or "it doesn't say why"
        raise AttnGANError(
            f"provider {first}",
            f"ONNX Runtime could not start it and would use {session.get_providers()[0]} ({reason})",
            "check the driver and CUDA libraries, or ask for cpu",
        )
    session.disable_fallback()  # it would move to the CPU in the middle of drawing
    session._model_bytes = None  # kept for the fallback alone: 2 to 6 MB
    _return_freed_memory()
    return session


class InstalledTwiceError(AttnGANError):
    """Two distributions of ONNX Runtime in one folder."""


def import_onnxruntime() -> ModuleType:
    """The onnxruntime module. Raises AttnGANError if none is installed, InstalledTwiceError if two are."""
    installed = _installed_distributions()
    if len(installed) > 1:
        remedy = f"run: pip uninstall {' '.join(installed)}, then {_INSTALL}"
        raise InstalledTwiceError(" and ".join(installed), "overwrite each other", remedy)
    try:
        import onnxruntime

        onnxruntime.InferenceSession  # noqa: B018  a half uninstalled package imports, and is empty
    except (ImportError, AttributeError) as error:
        reason = str(error).splitlines()[0][:120]
        first = f"pip uninstall {installed[0]}, then " if installed else ""
        raise AttnGANError("ONNX Runtime", f"not installed or broken ({reason})", f"run: {first}{_INSTALL}") from None
    return onnxruntime


def _installed_distributions() -> list[str]:
    """Those of `_DISTRIBUTIONS` that lie in the folder onnxruntime is imported from; importlib.metadata takes 30 ms."""
    spec = find_spec("onnxruntime")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        return []
    beside = [name.partition("-")[0].replace("_", "-") for name in os.listdir(os.path.dirname(places[0]))
              if name.endswith(".dist-info")]  # fmt: skip
    return [name for name in _DISTRIBUTIONS if name in beside]


def usable_cores() -> int:
    """Physical cores this process may use, within its container's share; 0 (ONNX Runtime decides) where unknown.

    ONNX Runtime alone counts the machine's cores: in a container with 2 of 64 it starts 64 threads that stall.
    """
    try:
        siblings = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
        cores = len({_text(siblings.format(cpu)) for cpu in os.sched_getaffinity(0)})
    except (AttributeError, OSError):
        return 0
    try:
        quota, period = _text("/sys/fs/cgroup/cpu.max").split()
        return cores if quota == "max" else max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


@contextlib.contextmanager
def _quiet(onnxruntime: ModuleType, with_cuda: bool) -> Iterator[io.StringIO]:
    """Finds CUDA and cuDNN where pip puts them, and gives what is said of those that are missing.

    A machine without them has some ten lines from ONNX Runtime on both streams; the caller says it in one.
    """
    said = io.StringIO()
    if not with_cuda:
        yield said
        return
    onnxruntime.set_default_logger_severity(4)  # providers load before the session's own severity counts
    try:
        with contextlib.redirect_stdout(said):
            onnxruntime.preload_dlls()
            yield said
    finally:
        onnxruntime.set_default_logger_severity(2)  # its default


def _options(onnxruntime: ModuleType, threads: int | None) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores() if threads is None else threads
    options.log_severity_level = 4  # what goes wrong is raised; warnings would only stand between a user's lines
    # Plans of memory, one for each size of batch, lie beside the arena: 49 MB for 16 pictures of 64×64, no faster.
    options.enable_mem_pattern = False
    # Between operators threads spin for so long before they sleep; by default much longer, which takes the core from
    # the application. Alone on two cores 200 µs is as fast as that (50 µs is not), and beside busy processes a picture
    # takes a fifth to a third less on average. ONNX Runtime 1.24 and 1.25 ignore it.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "200")
    return options


def _return_freed_memory() -> None:
    """Gives the system what parsing and optimising the model took: 4 to 12 MB that glibc keeps; others have no such."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _with_settings(provider: str) -> Any:
    # CUDA computes fp32 convolutions in TF32 otherwise: 10 bits of mantissa, far beyond an export's tolerance.
    return (provider, {"use_tf32": "0"}) if provider == CUDA else provider


def _text(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()

"""Who is benchmarked: our backends, torch's, and any installed package that claims a second derivative."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from attention_cases import Shape
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from attngan_kernels import attention

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # [B,H,N_q,D_k], [B,H,N_k,D_k], [B,H,N_k,D_v] → [B,H,N_q,D_v]


@dataclass(frozen=True)
class Contender:
    """label: as printed. make: Shape → Attend. absent: (shape, device kind) → why it can't take part, or "".

    approximate: it estimates R1 and is no attention of its own; runs the R1 step alone.
    written_out: holds N_q × N_k maps, so that its memory is known before it is tried.
    """

    label: str
    make: Callable[[Shape], Attend]
    absent: Callable[[Shape, str], str] = lambda shape, device: ""
    approximate: bool = False
    written_out: bool = False


def _ours(backend: str) -> Callable[[Shape], Attend]:
    return lambda shape: lambda q, k, v: attention(q, k, v, is_causal=shape.causal, backend=backend)


def _sdpa(backend: SDPBackend | None) -> Callable[[Shape], Attend]:
    def make(shape: Shape) -> Attend:
        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            if backend is None:
                return F.scaled_dot_product_attention(q, k, v, is_causal=shape.causal)
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v, is_causal=shape.causal)

        return attend

    return make


def _flex(shape: Shape) -> Attend:
    """Compiled, since the eager form writes the scores out. Reset first: after eight shapes dynamo falls back to it."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    torch._dynamo.reset()
    compiled = torch.compile(flex_attention, dynamic=False)
    if not shape.causal:
        return compiled

    @functools.cache
    def mask(device: torch.device) -> object:
        return create_block_mask(lambda b, h, i, j: i >= j, None, None, shape.N_q, shape.N_k, device=device)

    return lambda q, k, v: compiled(q, k, v, block_mask=mask(q.device))


def _flex_absent(shape: Shape, device: str) -> str:
    if "flex" not in shape.marks.split():
        return "compiled for the shapes marked flex alone, for time"
    if device == "cpu" and not shutil.which("g++"):
        return "torch.compile needs g++, which isn't installed"
    return ""


def _jvp(shape: Shape) -> Attend:
    from jvp_flash_attention.jvp_attention import attention as jvp_attention

    return lambda q, k, v: jvp_attention(q, k, v, causal=shape.causal)


def _jvp_absent(shape: Shape, device: str) -> str:
    if importlib.util.find_spec("jvp_flash_attention") is None:
        return "jvp_flash_attention isn't installed"
    return _cuda_or_interpreter(shape, device)


def _cuda_or_interpreter(shape: Shape, device: str) -> str:
    if device == "cuda":
        return ""
    if os.environ.get("TRITON_INTERPRET") != "1":
        return "Triton kernels need CUDA"
    return "" if max(shape.N_q, shape.N_k) <= 128 else "Triton's interpreter would take minutes"


def _cuda_only(shape: Shape, device: str) -> str:
    return "" if device == "cuda" else "needs CUDA"


def _reference_absent(shape: Shape, device: str) -> str:
    return "" if shape.N_q <= 1024 else "the math path stands for the written-out form above N 1024"


CONTENDERS: dict[str, Contender] = {
    "triton": Contender("attngan triton", _ours("triton"), _cuda_or_interpreter),
    "blockwise": Contender("attngan blockwise", _ours("blockwise")),
    "reference": Contender("attngan reference", _ours("reference"), _reference_absent, written_out=True),
    "sdpa-flash": Contender("SDPA flash", _sdpa(SDPBackend.FLASH_ATTENTION)),
    "sdpa-efficient": Contender("SDPA efficient", _sdpa(SDPBackend.EFFICIENT_ATTENTION), _cuda_only),
    "sdpa-cudnn": Contender("SDPA cuDNN", _sdpa(SDPBackend.CUDNN_ATTENTION), _cuda_only),
    "sdpa-math": Contender("SDPA math", _sdpa(SDPBackend.MATH), written_out=True),
    "flex": Contender("FlexAttention", _flex, _flex_absent),
    "finite-difference": Contender("finite difference", _sdpa(None), approximate=True),
    "jvp-flash-attention": Contender("jvp-flash-attention", _jvp, _jvp_absent),
}
OURS = ("triton", "blockwise", "reference")
NOT_FOR_TORCH = {"flash-hog": "higher-order gradients of flash attention for JAX; nothing to call from torch"}


@functools.lru_cache(maxsize=32)
def attend_for(name: str, shape: Shape) -> Attend:
    """The contender for a shape, made once: FlexAttention compiles."""
    return CONTENDERS[name].make(shape)


def why_absent(name: str, shape: Shape, step: str, device: str, may_take: float) -> str:
    """The reason known before trying it, or "". may_take: bytes that a written-out form may hold."""
    contender = CONTENDERS[name]
    if contender.approximate and step != "r1":
        return "stands in for the R1 step alone"
    reason = contender.absent(shape, device)
    if not reason and contender.written_out and shape.written_out_bytes(step) > may_take:
        needed, limit = shape.written_out_bytes(step) / 2**30, may_take / 2**30
        reason = f"would need about {needed:.1f} GiB where it may take {limit:.1f}"
    return reason


def attempt(run: Callable[[], list[Tensor]]) -> tuple[list[Tensor], str]:
    """(what it returns, "") or ([], why it raised): the error's first line, and that of a warning about it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return run(), ""
        except Exception as error:  # any contender may fail in any way: that is a result to be listed
            reason = f"{type(error).__name__}: {_first_line(error)}"
    noted = [_first_line(w.message) for w in caught if "attention" in str(w.message).lower()]
    return [], reason + (f" ({noted[-1]})" if noted else "")


def _first_line(message: object) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return lines[0].split(" (Triggered internally")[0][:200] if lines else "no message"

"""The table of shapes that the attention benchmark runs, and what each step of one costs at least.

One unit is 2·N_q·N_k·d flop per head and sample (a multiply-add is two), half of it if causal, with d = D_k for the
products over q·k and d = D_v for those over v. What is counted doesn't depend on what a contender executes:

| step            | D_k | D_v | sum | the products                                                                   |
|-----------------|-----|-----|-----|--------------------------------------------------------------------------------|
| forward         | 1   | 1   | 2   | QKᵀ; PV                                                                        |
| backward        | 3   | 2   | 5   | QKᵀ, dS·K, dSᵀQ; dO·Vᵀ, PᵀdO (Dao et al. 2022, algorithm 4; 7 without atomics) |
| double backward | 13  | 7   | 20  | three passes without atomics: 3 + 2 for dO, 5 + 2 for Q, 5 + 3 for K, V         |
| R1 step         | 20  | 12  | 32  | forward, backward, double backward, and the forward's backward once more        |

The R1 step runs the forward's backward twice: to make the gradient, and because the critic's nonlinear readout of the
output enters the gradient. Whoever fuses the double backward's last two passes executes 15 units instead of 20, and
can come out above 100 % of the floor's speed, since 20 are counted for all.
"""

from __future__ import annotations

from dataclasses import dataclass

UNITS = {  # step: units with D_k, units with D_v
    "forward": (1, 1),
    "gradient": (4, 3),
    "backward": (3, 2),
    "double_backward": (13, 7),
    "r1": (20, 12),
}
TITLES = {
    "forward": "forward",
    "gradient": "forward + backward",
    "backward": "backward",
    "double_backward": "double backward",
    "r1": "R1 step",
}
SECONDS_ON = {"cpu": 420.0, "cuda": 230.0}  # a run starts no further step after that
STEPS_ON = {"cpu": ("forward", "gradient", "r1"), "cuda": tuple(UNITS)}

# N_q × N_k maps that the written-out form holds at its peak; 11.4 to 11.8 were measured for R1 under plain autograd.
MAPS = {"forward": 2.0, "gradient": 4.0, "backward": 4.0, "double_backward": 11.6, "r1": 11.6}


@dataclass(frozen=True)
class Shape:
    """q [B, H, N_q, D_k], k [B, H, N_k, D_k], v [B, H, N_k, D_v].

    on: devices on which a run takes it without being asked. marks: "plot" puts it into the figure's series; "flex"
    lets FlexAttention compile for it, which takes ten seconds and more a shape; "memory" measures peak memory on the
    CPU too, where that takes a fresh process a contender.
    """

    B: int
    H: int
    N_q: int
    N_k: int
    D_k: int
    D_v: int
    causal: bool = False
    on: str = ""
    marks: str = ""

    def __str__(self) -> str:
        length = f"N{self.N_q}" + (f"/{self.N_k}" if self.N_k != self.N_q else "")
        width = f"d{self.D_k}" + (f"/{self.D_v}" if self.D_v != self.D_k else "")
        return f"B{self.B} H{self.H} {length} {width}" + (" causal" if self.causal else "")

    @property
    def numbers(self) -> tuple[int, int, int, int, int, int]:
        return self.B, self.H, self.N_q, self.N_k, self.D_k, self.D_v

    def encode(self) -> str:
        return ",".join(str(int(x)) for x in (*self.numbers, self.causal))

    @classmethod
    def decode(cls, text: str) -> Shape:
        *numbers, causal = (int(x) for x in text.split(","))
        return cls(*numbers, causal=bool(causal))

    def flop(self, step: str) -> float:
        with_k, with_v = UNITS[step]
        pairs = self.N_q * self.N_k / (2 if self.causal else 1)
        return 2.0 * self.B * self.H * pairs * (with_k * self.D_k + with_v * self.D_v)

    def bytes_moved(self, step: str, itemsize: int) -> int:
        """Bytes that a step must read and write if every input and output is touched once.

        Row statistics (L, δ, ρ) are left out: four bytes a row where a row of q has itemsize·D_k.
        """
        heads = self.B * self.H
        qkv = heads * (self.N_q * self.D_k + self.N_k * self.D_k + self.N_k * self.D_v)
        out = heads * self.N_q * self.D_v
        elements = {"forward": qkv + out, "backward": 2 * qkv + 2 * out, "double_backward": 3 * qkv + 2 * out}
        elements["gradient"] = elements["forward"] + elements["backward"]
        elements["r1"] = elements["gradient"] + elements["double_backward"] + elements["backward"]
        return itemsize * elements[step]

    def floor_seconds(self, step: str, itemsize: int, flop_per_s: float, bytes_per_s: float) -> float:
        return max(self.flop(step) / flop_per_s, self.bytes_moved(step, itemsize) / bytes_per_s)

    def written_out_bytes(self, step: str) -> float:
        """What the written-out form takes at least: its maps are float32 also for half-precision inputs."""
        return MAPS[step] * 4 * self.B * self.H * self.N_q * self.N_k


def square(batch: int, heads: int, n: int, d: int, on: str, marks: str = "", causal: bool = False) -> Shape:
    return Shape(batch, heads, n, n, d, d, causal, on, marks)


def sagan(batch: int, n: int, on: str) -> Shape:
    """A SAGAN head (Zhang et al. 2019): keys and values pooled 2×2, D_v = 4·D_k."""
    return Shape(batch, 1, n, n // 4, 32, 128, False, on)


# Those with a speed target come first, so that a run cut short has them.
SHAPES = (
    square(8, 4, 256, 32, "cpu", "plot"),
    square(1, 4, 4096, 32, "cpu", "plot memory"),
    square(64, 4, 64, 32, "cpu", "plot"),
    square(1, 4, 1024, 32, "cpu", "plot memory flex"),
    square(1, 4, 1024, 64, "cpu"),
    square(1, 2, 1024, 128, "cpu"),
    sagan(2, 4096, "cpu"),
    square(4, 4, 512, 32, "cpu", causal=True),
    square(1, 1, 16384, 32, "cpu", "plot"),
    square(1, 8, 4096, 64, "cuda"),
    square(16, 8, 1024, 64, "cuda", "plot flex"),
    square(4, 8, 4096, 64, "cuda", "plot flex"),
    square(1, 8, 16384, 64, "cuda", "plot flex"),
    square(64, 8, 256, 64, "cuda", "plot flex"),
    square(256, 8, 64, 64, "cuda", "plot"),
    square(64, 8, 1024, 64, "cuda"),
    square(16, 8, 4096, 64, "cuda"),
    sagan(16, 4096, "cuda"),
    sagan(64, 1024, "cuda"),
    square(16, 8, 1024, 32, "cuda"),
    square(4, 8, 4096, 32, "cuda"),
    square(16, 8, 1024, 128, "cuda"),
    square(4, 8, 4096, 128, "cuda"),
    square(64, 4, 256, 32, "cuda"),
    square(4, 8, 4096, 64, "cuda", causal=True),
)
QUICK_SHAPES = (  # a rehearsal of everything in seconds, and small enough for Triton's interpreter
    square(2, 2, 32, 32, "cpu cuda", "plot memory"),
    square(1, 2, 64, 32, "cpu cuda", "plot"),
    Shape(1, 1, 64, 16, 32, 64, False, "cpu cuda"),
)


def shapes_for(device: str, names: list[str], quick: bool) -> list[Shape]:
    """The shapes that a run takes; names (as printed) choose among all of them, on whatever device."""
    table = QUICK_SHAPES if quick else SHAPES
    unknown = sorted(set(names) - {str(s) for s in table})
    if unknown:
        raise SystemExit(f"no such shape: {', '.join(unknown)}; there are: {', '.join(map(str, table))}")
    return [s for s in table if (str(s) in names if names else device in s.on.split())]

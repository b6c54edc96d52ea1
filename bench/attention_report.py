"""What a benchmark run prints, the targets it is held to, and its figure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from attention_cases import SHAPES, TITLES, Shape
from attention_contenders import CONTENDERS
from output import markdown_table

Row = dict[str, object]  # one contender, step, shape and dtype; `bench_attention` says what is in it


class Rows:
    """Rows by shape, step and contender."""

    def __init__(self, rows: Iterable[Row], dtype: str) -> None:
        self.all = [r for r in rows if r["dtype"] == dtype]
        self.by_case = {(r["shape"], r["step"], r["contender"]): r for r in self.all}

    def get(self, shape: object, step: str, contender: str, key: str) -> float | None:
        """A figure of a row, "ms" being the median; None where there isn't one."""
        value = self.by_case.get((str(shape), step, contender), {}).get(key)
        return value["median"] if isinstance(value, dict) else value

    def ratio(self, shape: object, step: str, over: str, under: str, key: str = "ms") -> float | None:
        a, b = (self.get(shape, step, name, key) for name in (over, under))
        return a / b if a is not None and b else None

    def shapes(self) -> list[str]:
        return list(dict.fromkeys(str(r["shape"]) for r in self.all))


class Target(NamedTuple):
    """at_most: the measured figure is to stay under `asked`; else above it. stretch: what one would like."""

    text: str
    asked: float
    applies: Callable[[Shape], bool]
    measure: Callable[[Rows, Shape], float | None]
    at_most: bool = False
    stretch: float | None = None


def _ratio(step: str, over: str, under: str, key: str = "ms") -> Callable[[Rows, Shape], float | None]:
    return lambda rows, shape: rows.ratio(shape, step, over, under, key)


def _named(name: str) -> Callable[[Shape], bool]:
    return lambda shape: str(shape) == name


def _long_d64(shape: Shape) -> bool:
    return min(shape.N_q, shape.N_k) >= 1024 and shape.D_k == shape.D_v == 64 and not shape.causal


GAN_R1, CPU_LONG, CPU_BATCH = _named("B1 H8 N4096 d64"), _named("B1 H4 N4096 d32"), _named("B8 H4 N256 d32")
GPU_SHARE, CPU_SHARE = (_ratio("r1", ours, "sdpa-math", "peak_mib") for ours in ("triton", "blockwise"))
TARGETS: dict[tuple[str, str], tuple[Target, ...]] = {
    ("cuda", "bfloat16"): (  # of an H100
        Target("forward, × SDPA flash", 1.0, _long_d64, _ratio("forward", "sdpa-flash", "triton"), stretch=1.2),
        Target("deterministic backward, × SDPA flash", 0.8, _long_d64, _ratio("backward", "sdpa-flash", "triton")),
        Target(
            "double backward, TFLOP/s",
            200,
            _long_d64,
            lambda rows, shape: rows.get(shape, "double_backward", "triton", "tflop_per_s"),
        ),
        Target("R1, × the math path", 5, GAN_R1, _ratio("r1", "sdpa-math", "triton")),
        Target("R1 memory, of the math path's", 1 / 20, GAN_R1, GPU_SHARE, True),
        Target("R1 time, of finite difference's", 1.3, GAN_R1, _ratio("r1", "triton", "finite-difference"), True),
    ),
    ("cpu", "float32"): (
        Target("R1, × the math path", 2.5, CPU_LONG, _ratio("r1", "sdpa-math", "blockwise"), stretch=3.0),
        Target("R1, × the math path", 1.4, CPU_BATCH, _ratio("r1", "sdpa-math", "blockwise")),
        Target("R1 memory, of the math path's", 0.1, CPU_LONG, CPU_SHARE, True),
    ),
}


def judge(rows: Rows, device: str, dtype: str) -> list[dict[str, object]]:
    """Each target at each shape that was run; met is None where there is no figure."""
    ran = set(rows.shapes())
    verdicts = []
    for target in TARGETS.get((device, dtype), ()):
        for shape in (s for s in SHAPES if str(s) in ran and target.applies(s)):
            measured = target.measure(rows, shape)
            verdicts.append(
                {
                    "target": target.text,
                    "shape": str(shape),
                    "asked": ("≤ " if target.at_most else "≥ ") + f"{target.asked:.3g}",
                    "stretch": target.stretch,
                    "measured": None if measured is None else float(f"{measured:.3g}"),
                    "met": None if measured is None else (measured <= target.asked) == target.at_most,
                }
            )
    return verdicts


def shape_table(rows: Rows, shape: str, said: set[str]) -> list[str]:
    """Markdown: a line a contender; a cell is ms (median), TFLOP/s and share of the floor's speed; then the reasons.

    said: reasons that stand under an earlier table; they aren't repeated.
    """
    mine = [r for r in rows.all if r["shape"] == shape]
    steps = [s for s in TITLES if any(r["step"] == s for r in mine)]
    memory = any(r["peak_mib"] is not None for r in mine if r["step"] == "r1")
    head = ["contender", *(TITLES[s] for s in steps), *(["R1 peak, MiB"] if memory else []), "R1 error"]
    lines: list[list[str]] = []
    notes: dict[str, list[str]] = {}
    for name in dict.fromkeys(str(r["contender"]) for r in mine):
        here = {str(r["step"]): r for r in mine if r["contender"] == name}
        cells = [_cell(here[s]) if s in here else "-" for s in steps]
        r1 = here.get("r1", {})
        peak = [_number(r1.get("peak_mib"), ".0f")] if memory else []
        lines.append([CONTENDERS[name].label, *cells, *peak, _number(r1.get("error"), ".1e")])
        for step, row in here.items():
            if row["reason"]:
                notes.setdefault(f"{CONTENDERS[name].label}: {row['reason']}", []).append(TITLES[step])
    about = [f"- {reason} ({', '.join(at)})" if len(at) < len(steps) else f"- {reason}" for reason, at in notes.items()]
    about = [note for note in about if note not in said]
    said.update(about)
    title = f"### {shape}, {mine[0]['dtype']}"
    return [title, "", *markdown_table(head, lines), "", *about, *([""] if about else [])]


def error_lines(errors: list[dict[str, object]]) -> list[str]:
    if not errors:
        return []
    head = ["dtype", "contender", "output", "gradient", "R1 gradient"]
    lines = []
    for row in errors:
        figures = ["-" if isinstance(row[s], str) else f"{row[s]:.1e}" for s in ("forward", "gradient", "r1")]
        lines.append([str(row["dtype"]), CONTENDERS[str(row["contender"])].label, *figures])
    title = f"### Relative errors against float64 at {errors[0]['shape']}"
    return [title, "", *markdown_table(head, lines), ""]


def _cell(row: Row) -> str:
    if row["status"] == "wrong":
        return f"WRONG ({_number(row['error'], '.1e')})"
    ms = row["ms"]
    if not isinstance(ms, dict):
        return "-"
    rate = "approximate" if row["tflop_per_s"] is None else f"{row['tflop_per_s']:.3g} · {100 * row['of_floor']:.0f} %"
    return f"{ms['median']:.3g} ms · {rate}"


def _number(value: object, form: str) -> str:
    return "-" if value is None else format(value, form)


def target_table(verdicts: list[dict[str, object]]) -> list[str]:
    if not verdicts:
        return []
    head = ["target", "shape", "asked", "measured", "met"]
    lines = []
    for v in verdicts:
        asked = f"{v['asked']}" + (f" (stretch {v['stretch']:.3g})" if v["stretch"] else "")
        met = {True: "yes", False: "NO", None: "not measured"}[v["met"]]
        lines.append([str(v["target"]), str(v["shape"]), asked, _number(v["measured"], ".3g"), met])
    return ["### Asked against measured", "", *markdown_table(head, lines), ""]


# Our own in warm, saturated colours and thick; torch's in blues and greys; approximations and others thin.
STYLES: dict[str, dict[str, object]] = {
    "triton": {"color": "#c1121f", "marker": "o", "linewidth": 2.6, "zorder": 3},
    "blockwise": {"color": "#f77f00", "marker": "s", "linewidth": 2.6, "zorder": 3},
    "sdpa-flash": {"color": "#1d3557", "marker": "^"},
    "sdpa-efficient": {"color": "#457b9d", "marker": "v"},
    "sdpa-cudnn": {"color": "#2a9d8f", "marker": "D"},
    "sdpa-math": {"color": "#6c757d", "marker": "X"},
    "flex": {"color": "#7b2cbf", "marker": "P"},
    "finite-difference": {"color": "#b08900", "marker": ".", "linestyle": "--"},
    "jvp-flash-attention": {"color": "#d16ba5", "marker": "*", "linestyle": ":"},
}
PANELS = ("forward", "gradient", "r1")


def plot(rows: Rows, shapes: list[Shape], title: str, path: Path) -> str:
    """Draws counted TFLOP/s against N for the marked shapes; "" or why there is no figure.

    The finite difference is drawn as if it did the R1 step that it stands in for, dashed.
    """
    try:
        import matplotlib
    except ImportError:
        return "no figure: matplotlib isn't installed"
    series = sorted((s for s in shapes if "plot" in s.marks.split() and str(s) in rows.shapes()), key=lambda s: s.N_q)
    if not series:
        return "no figure: none of the shapes that were run belongs to the plotted series"
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    scale, unit = (1e9, "GFLOP/s") if _fastest(rows, series) < 2e12 else (1e12, "TFLOP/s")
    figure, axes = plt.subplots(1, len(PANELS), figsize=(12, 4.4), layout="constrained")
    for axis, step in zip(axes, PANELS, strict=True):
        for name, style in STYLES.items():
            points = [(i, r) for i, s in enumerate(series) if (r := _rate(rows, s, step, name)) is not None]
            label = CONTENDERS[name].label + (" (approximate)" if CONTENDERS[name].approximate else "")
            if points:
                x, y = zip(*points, strict=True)
                axis.plot(x, [r / scale for r in y], label=label, **{"linewidth": 1.6, "zorder": 2, **style})
        _dress(axis, TITLES[step], series)
    axes[-1].set_ylim(top=1.2 * axes[-1].get_ylim()[1])  # room for the note
    note = axes[-1].text(0.02, 0.985, _no_r1(rows, series), transform=axes[-1].transAxes, va="top", fontsize=8)
    note.set(color="#555555", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    axes[0].set_ylabel(f"{unit} as counted; higher is better")
    handles = {label: h for axis in axes for h, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False)
    figure.suptitle(title, fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return ""


def _no_r1(rows: Rows, series: list[Shape]) -> str:
    """Who has gradients at these shapes and no R1 step: a line for those that raise, one for those that are wrong."""
    named: dict[str, list[str]] = {"raises": [], "wrong": []}
    for row in rows.all:
        label, status = CONTENDERS[str(row["contender"])].label, str(row["status"])
        with_gradient = any(rows.get(s, "gradient", str(row["contender"]), "ms") for s in series)
        if row["step"] == "r1" and with_gradient and label not in named.get(status, [label]):
            named[status].append(label)
    lines = {"no second derivative": named["raises"], "wrong values": named["wrong"]}
    return "\n".join(textwrap.fill(f"{what}: {', '.join(names)}", 56) for what, names in lines.items() if names)


def _rate(rows: Rows, shape: Shape, step: str, name: str) -> float | None:
    ms = rows.get(shape, step, name, "ms")
    return None if ms is None else shape.flop(step) / (1e-3 * ms)


def _fastest(rows: Rows, series: list[Shape]) -> float:
    return max(_rate(rows, s, step, name) or 0 for s in series for step in PANELS for name in STYLES)


def _dress(axis: object, title: str, series: list[Shape]) -> None:
    """Axis labels: N, and below it batch × heads."""
    axis.set_title(title, fontsize=11)
    axis.set_xticks(range(len(series)), [f"{s.N_q}\n{s.B}×{s.H}" for s in series])
    axis.set_xlabel("N, batch × heads")
    axis.set_ylim(bottom=0)
    axis.set_xlim(-0.3, len(series) - 0.7)
    axis.grid(axis="y", color="#dddddd", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)

"""Flop and byte counts by hand."""

import attention_cases as cases
import pytest
from attention_cases import SHAPES, Shape
from attention_contenders import why_absent


@pytest.mark.parametrize(
    ("step", "flop"),
    [
        # One head, 10 queries, 6 keys, D_k 4, D_v 8: a unit is 2·10·6·4 = 480 flop with D_k and 960 with D_v.
        ("forward", 480 + 960),
        ("backward", 3 * 480 + 2 * 960),
        ("gradient", 4 * 480 + 3 * 960),
        ("double_backward", 13 * 480 + 7 * 960),
        ("r1", 20 * 480 + 12 * 960),
    ],
)
def test_flop_of_one_head(step, flop):
    assert Shape(1, 1, 10, 6, 4, 8).flop(step) == flop
    assert Shape(3, 2, 10, 6, 4, 8).flop(step) == 6 * flop
    assert Shape(1, 1, 10, 6, 4, 8, causal=True).flop(step) == flop / 2


def test_double_backward_of_the_figure_in_the_literature():
    # B64 H8 N1024 d64: 20 · 2·1024²·64 · 512 heads = 1.37 TFLOP.
    assert Shape(64, 8, 1024, 1024, 64, 64).flop("double_backward") == pytest.approx(1.374e12, rel=1e-3)


def test_units():
    assert {step: sum(units) for step, units in cases.UNITS.items()} == {
        "forward": 2,
        "gradient": 7,
        "backward": 5,
        "double_backward": 20,
        "r1": 32,
    }


def test_bytes_and_floor():
    shape = Shape(1, 1, 10, 6, 4, 8)  # q 40, k 24, v 48, out 80 elements
    assert shape.bytes_moved("forward", 2) == 2 * (112 + 80)
    assert shape.bytes_moved("backward", 2) == 2 * (2 * 112 + 2 * 80)
    assert shape.bytes_moved("double_backward", 4) == 4 * (3 * 112 + 2 * 80)
    assert shape.bytes_moved("r1", 2) == 2 * (112 + 80 + 2 * (224 + 160) + 336 + 160)
    assert shape.floor_seconds("forward", 2, flop_per_s=1440, bytes_per_s=1e9) == 1.0
    assert shape.floor_seconds("forward", 2, flop_per_s=1e9, bytes_per_s=192) == 2.0


def test_memory_of_the_written_out_form():
    # 11.6 float32 maps; B16 H8 N4096 can't run on an 80 GB card.
    assert Shape(16, 8, 4096, 4096, 64, 64).written_out_bytes("r1") / 2**30 == pytest.approx(92.8)


def test_the_table_has_what_is_asked():
    assert len({str(s) for s in SHAPES}) == len(SHAPES)
    lengths, widths = {s.N_q for s in SHAPES}, {s.D_k for s in SHAPES}
    assert {64, 256, 1024, 4096, 16384} <= lengths and {32, 64, 128} <= widths
    for device in ("cpu", "cuda"):
        on = cases.shapes_for(device, [], quick=False)
        assert any(s.D_v == 4 * s.D_k and s.N_q == 4 * s.N_k for s in on)  # SAGAN
        assert any(s.causal for s in on) and {s.N_q for s in on if "plot" in s.marks} >= {64, 256, 1024, 4096}


def test_names_and_codes():
    shape = Shape(2, 1, 4096, 1024, 32, 128, causal=True)
    assert str(shape) == "B2 H1 N4096/1024 d32/128 causal"
    assert Shape.decode(shape.encode()) == shape
    assert [str(s) for s in cases.shapes_for("cuda", ["B8 H4 N256 d32"], quick=False)] == ["B8 H4 N256 d32"]
    with pytest.raises(SystemExit, match="no such shape: B9"):
        cases.shapes_for("cpu", ["B9"], quick=False)


def test_why_a_contender_is_absent():
    long = Shape(16, 8, 4096, 4096, 64, 64)
    assert "about 92.8 GiB where it may take 80.0" in why_absent("sdpa-math", long, "r1", "cuda", 80 * 2**30)
    assert why_absent("sdpa-math", long, "forward", "cuda", 80 * 2**30) == ""
    assert why_absent("blockwise", long, "r1", "cuda", 0) == ""
    assert why_absent("finite-difference", long, "gradient", "cuda", 0) == "stands in for the R1 step alone"
    assert "marked flex" in why_absent("flex", long, "forward", "cuda", 0)

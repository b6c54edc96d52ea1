"""Broken graphs are refused, the message says what differed, and nothing is left on disk."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from refusals import refuses

from attngan.generators import open_generator
from attngan_export import export, parity
from attngan_export.export import export_generator
from attngan_export.folder import TORCHSCRIPT
from attngan_export.formats import FORMATS, lowering, onnx_graph
from attngan_export.forms.image import ImageForm
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.onnx_session import CPU, CUDA
from tests.export.conftest import with_outputs


def with_one_weight_off(content):
    """The same ONNX file with one value of its largest weight moved by a thousandth."""
    model = onnx.load_from_string(content)
    tensor = max(model.graph.initializer, key=lambda entry: len(entry.raw_data))
    values = numpy_helper.to_array(tensor).copy()
    values.flat[values.size // 2] += 1e-3
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model.SerializeToString()


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_wrong_translation_is_refused(run_by_class, tmp_path, monkeypatch):
    """The exporter's own division loses the low bits of the noise: this is the fault that was first caught so."""
    table = {key: value for key, value in lowering.translations("ort").items() if value is not lowering.divide}
    monkeypatch.setattr(onnx_graph, "translations", lambda target: table)
    with refuses(r"model.onnx on CPUExecutionProvider: differs from PyTorch by 0\.\d+"):
        export_generator(str(run_by_class), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_one_weight_off_by_a_thousandth_is_refused_and_the_old_bundle_stays(
    bundle, run_by_class, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    out.mkdir()
    for name, content in snapshot(bundle).items():
        (out / name).write_bytes(content)
    broken = with_one_weight_off((bundle / "model.onnx").read_bytes())
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: broken)
    with refuses(r"model.onnx: beyond 1\.0e-05 \(batch \d; seed .*; class .*; truncation .*\)"):
        export_generator(str(run_by_class), out)
    assert snapshot(out) == snapshot(bundle)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_broken_torchscript_is_refused(bundle, z_bundle, run_by_class, tmp_path, monkeypatch):
    fine = (bundle / "model.onnx").read_bytes()
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: fine)
    other = FORMATS[TORCHSCRIPT]

    def broken(form):
        bias = form.network.generator.to_picture.bias
        bias += 1e-3
        content = other.write(form)
        bias -= 1e-3
        return content

    monkeypatch.setitem(FORMATS, TORCHSCRIPT, other._replace(write=broken))
    with refuses("model.torchscript.pt on torch: differs"):
        export_generator(str(run_by_class), tmp_path / "out", torchscript=True)
    assert list(tmp_path.iterdir()) == []


ZEROS = np.zeros((2, 1, 4, 4), np.float32)
CASE = parity.Case(
    {"seed": np.array([1, 2]), "truncation": np.ones(2, np.float32)}, (parity.Expected("image", ZEROS, range=2.0),)
)


def test_comparison_reports_the_largest_difference_as_part_of_the_range():
    found = parity.compare("f", "r", with_outputs(ZEROS + np.float32(1e-5)), [CASE], 1e-5)
    assert found.measured == pytest.approx(5e-6)


def test_every_batch_is_drawn_several_times(run_by_class):
    found = parity.cases(ImageForm(open_generator(str(run_by_class)).network))
    assert [len(case.wanted[0].values) for case in found] == [1, 1, 1, 2, 2, 2, 8, 8, 8]
    assert parity.TOLERANCE[CPU] == 1e-5 and parity.TOLERANCE[CUDA] == 1e-4


@pytest.mark.parametrize("change", [3e-5, np.nan, np.inf])
def test_comparison_refuses(change):
    got = ZEROS.copy()
    got[1, 0, 3, 3] = change
    with refuses("f on r: batch 2; seed 1, 2; truncation 1, 1"):
        parity.compare("f", "r", with_outputs(got), [CASE], 1e-5)


@pytest.mark.parametrize("got", [ZEROS[:1], ZEROS.astype(np.float64)])
def test_comparison_refuses_another_shape_or_type(got):
    with refuses("f on r: where PyTorch gives float32"):
        parity.compare("f", "r", with_outputs(got), [CASE], 1e-5)


def test_every_output_is_compared_within_its_own_range():
    case = parity.Case(CASE.inputs, (*CASE.wanted, parity.Expected("attention", ZEROS, range=1.0)))
    found = parity.compare("f", "r", with_outputs(ZEROS, ZEROS + np.float32(1e-5)), [case], 2e-5)
    assert found.measured == pytest.approx(1e-5)
    with refuses(r"f on r: 3e-05 of the range of attention, beyond 2\.0e-05"):
        parity.compare("f", "r", with_outputs(ZEROS, ZEROS + np.float32(3e-5)), [case], 2e-5)


def test_a_provider_that_is_listed_but_does_not_start_is_not_compared(bundle, monkeypatch):
    """onnxruntime-gpu lists CUDA on every machine."""

    class Listed:
        get_available_providers = staticmethod(lambda: [CUDA, CPU])

    def refuse(content, provider, threads, where):
        raise AttnGANError("provider", "does not start")

    monkeypatch.setattr(parity, "import_onnxruntime", Listed)
    monkeypatch.setattr(parity, "open_session", refuse)
    assert parity.find_providers(b"") == [CPU]
    monkeypatch.setattr(parity, "open_session", lambda *args: None)
    assert parity.find_providers(b"") == [CPU, CUDA]

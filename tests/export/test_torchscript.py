"""model.torchscript.pt loads and draws in a process that has torch and none of our packages."""

import subprocess
import sys

import numpy as np
import pytest

from attngan.checkpoint import load_generator
from attngan_export.export import form_of
from attngan_export.gate import as_tuple

ALONE = """
import sys
for name in ("attngan", "attngan_kernels", "attngan_export", "attngan_runtime"):
    sys.modules[name] = None          # importing it now raises
import numpy, torch
torch.set_num_threads(1)
module = torch.jit.load(sys.argv[1])
data = numpy.load(sys.argv[2])
for batch in (1, 2, 8):
    inputs = [torch.from_numpy(data[f"{batch}.{i}"]) for i in range(int(data["count"]))]
    given = module(*inputs)
    for i, values in enumerate(given if isinstance(given, tuple) else (given,)):
        error = numpy.abs(values.numpy() - data[f"{batch}.wanted.{i}"]).max()
        assert error <= 2e-5, (batch, i, error)
print("same")
"""


@pytest.mark.parametrize(
    ("bundle_name", "run_name", "noise", "precision"),
    [
        ("bundle", "run_by_class", "seed", "fp32"),
        ("z_bundle", "run_plain", "z", "fp16-weights"),
        ("words_bundle", "run_of_words", "seed", "fp32"),
        ("words_z_bundle", "run_of_words_alone", "z", "fp16-weights"),
    ],
)
def test_values_at_three_batches_without_our_packages(bundle_name, run_name, noise, precision, request, tmp_path):
    generator = load_generator(str(request.getfixturevalue(run_name)))
    form = form_of(generator, noise, precision, attention=bundle_name == "words_bundle")
    data = {"count": np.array(len(form.names))}
    for batch in (1, 2, 8):
        inputs = form.sample(batch, draw=5)
        data |= {f"{batch}.{i}": value.numpy() for i, value in enumerate(inputs.values())}
        values = as_tuple(form.module(*inputs.values()))
        data |= {f"{batch}.wanted.{i}": value.numpy() for i, value in enumerate(values)}
    np.savez(tmp_path / "data.npz", **data)
    path = request.getfixturevalue(bundle_name) / "model.torchscript.pt"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE, str(path), str(tmp_path / "data.npz")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "same", done.stderr

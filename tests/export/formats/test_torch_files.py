"""model.torchscript.pt and model.pt2 load and give PyTorch's values where torch is and none of our packages."""

import subprocess
import sys

import numpy as np

from attngan_export.export import form_of, load

BUNDLES = {
    "bundle": ("run_by_class", "seed", "fp32"),
    "z_bundle": ("run_plain", "z", "fp16-weights"),
    "words_bundle": ("run_of_words", "seed", "fp32"),
    "words_z_bundle": ("run_of_words_alone", "z", "fp16-weights"),
    "text_bundle": ("text_run", "seed", "fp32"),
    "text_half_bundle": ("text_run_by_mean", "seed", "fp16-weights"),
}
ALONE = """
import sys
for name in ("attngan", "attngan_kernels", "attngan_export", "attngan_runtime"):
    sys.modules[name] = None          # importing it now raises
import numpy, torch
torch.set_num_threads(1)
data = numpy.load(sys.argv[1])
for file in sys.argv[2:]:
    name, path = file.split("=", 1)
    module = torch.export.load(path).module() if path.endswith("pt2") else torch.jit.load(path)
    for batch in (1, 2, 8):
        inputs = [torch.from_numpy(data[f"{name}.{batch}.{i}"]) for i in range(int(data[f"{name}.count"]))]
        given = module(*inputs)
        for i, values in enumerate(given if isinstance(given, tuple) else (given,)):
            found, wanted = values.numpy(), data[f"{name}.{batch}.wanted.{i}"]
            allowed = 2e-5 if wanted.dtype == numpy.float32 else 0       # a token is the same or another
            assert found.dtype == wanted.dtype and found.shape == wanted.shape, (file, batch, i)
            assert numpy.abs(found - wanted).max() <= allowed, (file, batch, i)
print(len(sys.argv) - 2, "files are right")
"""


def examples(name, form):
    """Inputs of three batches and what PyTorch makes of them, as ALONE reads them."""
    data = {f"{name}.count": np.array(len(form.names))}
    for batch in (1, 2, 8):
        inputs = form.sample(batch, draw=2)
        data |= {f"{name}.{batch}.{i}": value.numpy() for i, value in enumerate(inputs.values())}
        values = form.run(inputs)
        data |= {f"{name}.{batch}.wanted.{i}": value.numpy() for i, value in enumerate(values)}
    return data


def test_values_at_three_batches_without_our_packages(request, tmp_path):
    data, files = {}, []
    for name, (run, noise, precision) in BUNDLES.items():
        form = form_of(load(str(request.getfixturevalue(run))), noise, precision, attention=name == "words_bundle")
        data |= examples(name, form)
        files += [f"{name}={path}" for path in request.getfixturevalue(name).glob("model.*") if path.match("*.pt*")]
    np.savez(tmp_path / "data.npz", **data)
    command = [sys.executable, "-W", "ignore", "-c", ALONE, str(tmp_path / "data.npz"), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "10 files are right" and done.stderr == "", done.stderr

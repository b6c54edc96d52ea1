"""Of the module in Node alone: where bundles may lie."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import onnx
import pytest

from attngan_runtime import bundle as format_1
from tests.runtime.conftest import make_sidecar, model_bytes
from tests.web.conftest import JavaScript, Site

DRAWN = """
    const drawn = [];
    for (const url of given) {
      const generator = await module.load(url), { output } = await generator.generate({ seed: 7 });
      drawn.push(bytes64(output));
    }
    return new Set(drawn).size;
"""


def test_paths_and_addresses_are_the_same_bundle(node: JavaScript, site: Site) -> None:
    folder = node.copy("fashion-32").rename(node.space / "with spaces, ü and 50%")
    relative = os.path.relpath(folder, Path(__file__).parents[2] / "export" / "web")
    places = [str(folder), f"{folder}/", relative, folder.as_uri(), f"{site.address}/fashion-32/bundle"]
    assert node(DRAWN, *places) == 1


def test_links_out_of_the_bundle_are_refused_and_links_within_are_not(node: JavaScript) -> None:
    folder = node.copy("fashion-32")
    body = "return module.load(given[0]).then(({ name }) => name, error => error.message)"
    (folder / "model.onnx").rename(folder / "same.onnx")
    (folder / "model.onnx").symlink_to("same.onnx")
    assert node(body, str(folder)) == "fashion-32"
    (folder / "same.onnx").rename(node.space / "other.onnx")
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to("../other.onnx")
    assert node(body, str(folder)) == f"{folder / 'model.onnx'}: is a link out of the bundle; put the file itself there"
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()
    assert node(body, str(folder)) == f"{folder / 'model.onnx'}: is no plain file; copy the bundle again"


def test_there_is_no_webgpu(node: JavaScript) -> None:
    body = "const { device, note } = await module.load(given[0], { device: 'webgpu' }); return [device, note]"
    assert node(body, node.url("fashion-32")) == ["cpu", "webgpu: Node has none; runs on cpu instead"]


def test_downloads_tell_of_their_progress(node: JavaScript) -> None:
    body = "const told = []; await module.load(given[0], { onProgress: p => told.push(p) }); return told"
    told = node(body, node.url("captions"))
    sizes = {file.name: file.stat().st_size for file in node.folders["captions"].iterdir()}
    assert {one["file"]: (one["loaded"], one["total"]) for one in told} == {
        name: (size, size) for name, size in sizes.items()
    }


def test_the_documented_installation_runs_the_documented_program(installed: Path, tmp_path: Path) -> None:
    """In a project of its own, from a clone in which nothing was installed; npm asks no registry."""
    page = (Path(__file__).parents[2] / "docs" / "embed-node.md").read_text(encoding="utf-8")
    pack, install = (found.split("#")[0].split() for found in re.findall(r"\$ (npm .*)", page))
    (program,) = re.findall(r"```js\n(.*?)```", page, re.S)
    clone, project = tmp_path / "clone", tmp_path / "project"
    shutil.copytree(installed, clone, ignore=shutil.ignore_patterns("node_modules"))
    project.mkdir()
    (project / "package.json").write_text("{}")
    pack[-1], install[install.index("onnxruntime-node")] = str(clone), "--offline"
    for command in (pack, install, ["npm", "ci", "--offline"]):  # the last: what deployments do
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    (project / "node_modules" / "onnxruntime-node").symlink_to(installed / "node_modules" / "onnxruntime-node")
    (project / "bundles").symlink_to(installed.parent / "attngan_runtime" / "bundles")
    (project / "program.mjs").write_text(f"{program}\nconsole.log(width, height, data.length, warnings, sentence);")
    done = subprocess.run(["node", "program.mjs"], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("64 64 16384 [] ") and "dog" in done.stdout


def test_a_program_ends_by_itself(installed: Path) -> None:
    script = f"""
        import {{ load }} from "attngan";
        const writer = await load({str(installed.parent / "attngan_runtime" / "bundles" / "captions")!r});
        console.log((await writer.generate({{ seed: 7, keywords: "dog", topK: 1 }})).sentence);
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=installed, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "dog" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("location", ["w.bin", "../{folder}/w.bin", "{path}/w.bin"])
def test_no_file_beside_the_program_becomes_part_of_a_model(node: JavaScript, location: str) -> None:
    folder = node.space / "bundle"
    folder.mkdir()
    place = location.format(folder=folder.name, path=folder)
    model = onnx.load_from_string(model_bytes((1, 8, 8), True, False))
    (weights,) = [held for held in model.graph.initializer if held.name == "position"]
    (folder / "w.bin").write_bytes(weights.raw_data)
    sidecar = make_sidecar(model.SerializeToString(), (1, 8, 8), ["one", "two"], False)
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=place)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    sidecar["files"]["model.onnx"] = format_1.sha256_of(folder / "model.onnx")
    format_1.write_sidecar(folder, sidecar)
    script = f"""
        process.chdir({str(folder)!r});
        const {{ load }} = await import({str(Path(__file__).parents[2] / "export" / "web" / "attngan.js")!r});
        console.log(await load({str(folder)!r}).then(() => "loaded", error => error.message));
    """
    command = ["node", "--input-type=module", "-e", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "xternal data" in done.stdout, done.stdout

"""Of the module in Chromium alone: how files come, threads, and WebGPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from playwright.sync_api import Browser, Page

from bench.page_host import Files, hosted
from tests.web.conftest import JavaScript, Site, browser_script, import_map

LOAD = """
    const told = [], options = { device: given[1], onProgress: progress => told.push(progress) };
    const { device, note } = await module.load(given[0], options);
    return { device, note, told, threads: ort.env.wasm.numThreads };
"""


@pytest.fixture
def fresh(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def test_downloads_tell_of_their_progress_until_the_end(chromium: JavaScript) -> None:
    told = chromium(LOAD, chromium.url("emoji-64"))["told"]
    for name in ("model.onnx.json", "model.onnx", "tokenizer.json"):
        loaded = [(one["loaded"], one["total"]) for one in told if one["file"] == name]
        size = (chromium.folders["emoji-64"] / name).stat().st_size
        assert loaded == sorted(loaded)
        assert {total for _, total in loaded} == {size}
        assert loaded[-1] == (size, size)


def test_an_isolated_page_has_threads(chromium: JavaScript) -> None:
    cores = chromium("return navigator.hardwareConcurrency")
    assert chromium(LOAD, chromium.url("fashion-32"))["threads"] == min(4, cores)


class Plain(Files):
    """Files without headers for threads, and without their length."""

    isolation: ClassVar[dict[str, str]] = {}

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Content-Length":
            super().send_header(keyword, value)


def test_a_plain_host_has_one_thread_and_may_leave_out_lengths(fresh: Page, site: Site) -> None:
    said: list[str] = []
    fresh.on("console", lambda message: said.append(message.text) if message.type == "warning" else None)
    with hosted(site.root, Plain) as address:
        fresh.goto(f"{address}/fashion-32/blank.html")
        found = fresh.evaluate(browser_script(LOAD), ["bundle"])
    assert (found["device"], found["threads"], said) == ("wasm", 1, [])
    models = [one for one in found["told"] if one["file"] == "model.onnx"]
    assert {one["total"] for one in models[:-1]} <= {0, models[-1]["loaded"]}
    assert models[-1]["loaded"] == models[-1]["total"] > 1_000_000


def test_without_https_hashes_cannot_be_had_and_the_line_says_so(fresh: Page, site: Site) -> None:
    fresh.goto(f"{site.address}/fashion-32/blank.html")
    fresh.evaluate("() => Object.defineProperty(crypto, 'subtle', { value: undefined })")
    said = fresh.evaluate(browser_script("return module.load('bundle').catch(error => error.message)"), [])
    assert said.startswith("crypto.subtle: is missing") and "https or from localhost" in said


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/bundle", "ftp://127.0.0.1/bundle"])
def test_no_server(chromium: JavaScript, address: str) -> None:
    said = chromium("return module.load(given[0]).catch(error => String(error))", address)
    assert said.startswith(f"AttnGANError: {address}/model.onnx.json: can't be fetched (")


def test_webgpu_where_there_is_none_is_webassembly_with_a_note(chromium: JavaScript) -> None:
    found = chromium(LOAD, chromium.url("fashion-32"), "webgpu")
    assert found["device"] == "wasm"
    assert found["note"].startswith("webgpu: this browser ") and found["note"].endswith("; runs on wasm instead")


# In place of ONNX Runtime with WebGPU: one that computes on WebAssembly, minds calls that overlap, is wrong by
# `globalThis.off` and fails where that is null.
GPU = """
    import * as ort from "onnxruntime-web/wasm";
    export const { env, Tensor } = ort;
    let busy = false;
    const alone = async work => {
      if (busy) throw new Error("is busy");
      busy = true;
      await new Promise(done => setTimeout(done, 1));
      return work().finally(() => { busy = false; });
    };
    export const InferenceSession = {
      async create(model, options) {
        if (options.executionProviders[0] !== "webgpu") throw new Error("asked for another device");
        if (globalThis.off === null) throw new Error("no such kernel\\nsecond line");
        const session = await alone(() => ort.InferenceSession.create(model));
        return {
          inputNames: session.inputNames, outputNames: session.outputNames, release: () => session.release(),
          async run(feeds, names) {
            const made = await alone(() => session.run(feeds, names));
            made.image.data.forEach((value, i, data) => { data[i] = value + globalThis.off; });
            return made;
          },
        };
      },
    };
"""


@pytest.fixture(scope="module")
def with_gpu(browser: Browser, site: Site) -> Iterator[Page]:
    """A page of the build of fashion-32 that has a graphics adapter, and the script above for it."""
    build = site.root / "fashion-32"
    (build / "gpu.js").write_text(GPU)
    html = import_map(build).replace("./ort/ort.webgpu.min.mjs", "./gpu.js")
    assert "gpu.js" in html
    (build / "gpu.html").write_text(f"<!doctype html>{html}")
    page = browser.new_page()
    page.goto(f"{site.address}/fashion-32/gpu.html")
    page.evaluate("() => Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => ({}) } })")
    yield page
    page.close()


@pytest.mark.parametrize(
    ("off", "device", "reason"),
    [
        ("0", "webgpu", ""),
        ("0.01", "wasm", "its golden sample differs by 0.010 where 0.001 is allowed"),
        ("NaN", "wasm", "fashion-32: drew NaN or infinity; export it again"),
        ("null", "wasm", "onnxruntime-web/webgpu: can't be started (no such kernel); install it with npm, or name it"),
    ],
)
def test_webgpu_counts_only_if_its_golden_sample_is_right(with_gpu: Page, off: str, device: str, reason: str) -> None:
    found = with_gpu.evaluate(browser_script(f"globalThis.off = {off}; {LOAD}"), ["bundle", "webgpu"])
    assert found["device"] == device
    assert found["note"].startswith(f"webgpu: {reason}" if reason else "")
    assert found["note"].endswith("; runs on wasm instead") == bool(reason) == bool(found["note"])


def test_calls_that_overlap_are_queued(with_gpu: Page) -> None:
    body = """
        globalThis.off = 0;
        const [one, other] = await Promise.all([0, 1].map(() => module.load("bundle", { device: "webgpu" })));
        const calls = [1, 2, 3].flatMap(seed => [one.generate({ seed }), other.generate({ seed })]);
        const wrong = one.generate({ seed: -1 }).catch(error => error.message);
        const made = (await Promise.all(calls)).map(({ output }) => bytes64(output));
        return [one.note, other.note, await wrong, made.length, new Set(made).size];
    """
    assert with_gpu.evaluate(browser_script(body), []) == ["", "", "seed: -1 is outside 0 to 4294967295", 6, 3]

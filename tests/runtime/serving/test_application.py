"""The HTTP API of attngan-run serve: what it makes is what the runtime makes, and mistakes are one line."""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from refusals import refuses
from starlette.testclient import TestClient

from attngan_runtime import Bundle, Generator, serving
from attngan_runtime.serving.application import application, check_seeds
from attngan_runtime.serving.page import page_folder
from tests.runtime.command_line import run

pytestmark = pytest.mark.filterwarnings("ignore:(prompt|key words):UserWarning")  # which the command switches off


@contextmanager
def client(bundle: Path, *hosts: str) -> Iterator[TestClient]:
    opened = Bundle.load(bundle)
    with TestClient(application(opened, Generator.open(opened), page_folder(), hosts or ("*",))) as entered:
        yield entered


@pytest.fixture
def waves(make_bundle: Any) -> Iterator[TestClient]:
    with client(make_bundle()) as entered:
        yield entered


@pytest.fixture
def words(words_bundle: Path) -> Iterator[TestClient]:
    with client(words_bundle) as entered:
        yield entered


@pytest.fixture
def writer(sentences_bundle: Path) -> Iterator[TestClient]:
    with client(sentences_bundle) as entered:
        yield entered


def picture(answer: Any) -> np.ndarray:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.content)) as image:
        return np.asarray(image)


def test_a_picture_is_that_of_the_runtime(waves: TestClient, make_bundle: Any) -> None:
    generator = Generator.load(make_bundle("again"))
    for asked, arguments in [
        ({}, {"seeds": 0}),
        ({"seed": 7, "class": "Bag", "truncation": 0.5}, {"seeds": 7, "classes": "Bag", "truncation": 0.5}),
        ({"seed": 4294967295, "class": "1"}, {"seeds": 4294967295, "classes": 1}),
    ]:
        found = picture(waves.get("/api/generate", params=asked))
        np.testing.assert_array_equal(found, generator.run(**arguments)[0, ..., 0])


def test_pictures_from_words_have_their_transparency_and_warnings(words: TestClient, words_bundle: Path) -> None:
    answer = words.get("/api/generate", params={"prompt": "red 🎉", "seed": 3, "style": "twitter"})
    with pytest.warns(UserWarning, match="unknown '🎉'") as said:
        expected = Generator.load(words_bundle).run(prompts="red 🎉", seeds=3, style="twitter")
    found = picture(answer)
    assert found.shape == (8, 8, 4)
    np.testing.assert_array_equal(found, expected[0])
    assert json.loads(answer.headers["x-warnings"]) == [str(said[0].message)]


def test_a_sentence_is_that_of_the_runtime(writer: TestClient, sentences_bundle: Path) -> None:
    asked = {"seed": 5, "keywords": "ball, nonsense", "temperature": 0.8, "top_k": 3, "top_p": 0.9}
    answer = writer.get("/api/generate", params=asked).json()
    with pytest.warns(UserWarning, match="nonsense") as said:
        expected = Generator.load(sentences_bundle).run(**{"seeds" if k == "seed" else k: v for k, v in asked.items()})
    assert answer == {"sentence": expected[0], "warnings": [str(said[0].message)]}
    assert writer.get("/api/generate", params={"keywords": " "}).json()["warnings"] == []


def test_it_says_what_it_runs(words: TestClient, writer: TestClient) -> None:
    about = words.get("/api").json()
    assert about["parameters"] == ["prompt", "seed", "style", "truncation"]
    assert about["words"] == ["red", "green", "heart", "dragon", "e"]
    assert (about["task"], about["width"], about["channels"]) == ("text-to-image", 8, 4)
    about = writer.get("/api").json()
    assert about["parameters"] == ["keywords", "seed", "temperature", "top_k", "top_p"]
    assert "[END]" not in about["words"] and "dog" in about["words"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("seed=red", "seed: 'red' is not a whole number"),
        ("seed=1_0", "seed: '1_0' is not a whole number"),
        ("seed=1e3", "seed: '1e3' is not a whole number"),
        ("seed=-1", "seed: -1 is outside 0 to 4294967295"),
        ("seed=9999999999", "seed: 9999999999 is outside"),
        ("seed=1&seed=2", "seed: given twice"),
        ("class=Hat", "class: no class 'Hat'"),
        ("class=3", "class: 3 is outside 0 to 2"),
        ("class=" + "9" * 5000, "class: no class '999"),
        ("class=%D9%A1", "class: no class"),
        ("truncation=3", "truncation: 3"),
        ("truncation=nan", "truncation: nan"),
        ("truncaton=1", "truncaton: waves takes seed, class, truncation; did you mean truncation?"),
        ("z=1", "z: waves takes seed, class, truncation"),
        ("seed=" + "9" * 9000, "seed: "),
    ],
)
def test_mistakes_are_one_line(waves: TestClient, asked: str, said: str) -> None:
    answer = waves.get(f"/api/generate?{asked}")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error.startswith(said) and "\n" not in error and len(error) < 400


def test_prompts_are_asked_for_and_read_strictly(words: TestClient) -> None:
    assert "add prompt=" in words.get("/api/generate").json()["error"]
    answer = words.get("/api/generate", params={"prompt": "red\x00"})
    assert (answer.status_code, "U+0000" in answer.json()["error"]) == (400, True)


def test_other_addresses_and_methods_are_refused(waves: TestClient) -> None:
    for address in ("/nothing", "/%2e%2e/server.py", "/page.js%2f..%2fREADME.md", "/bundle/model.onnx", "//etc/passwd"):
        answer = waves.get(address)
        assert (answer.status_code, "no such address" in answer.json()["error"]) == (404, True), address
    assert waves.post("/api/generate").json() == {"error": "POST: only GET is answered"}


def test_the_host_header_chooses_no_file(waves: TestClient, make_bundle: Any) -> None:
    for host in ("x/../../../../../../../etc/passwd?", "[", "a" * 5000):
        answer = waves.get("/page.js", headers={"Host": host})
        assert b"attngan.js" in answer.content, host
        assert waves.get("/nothing", headers={"Host": host}).status_code == 404
    with client(make_bundle("again"), "127.0.0.1") as strict:
        assert strict.get("/", headers={"Host": "127.0.0.1:8000"}).status_code == 200
        assert strict.get("/", headers={"Host": "rebound.example"}).status_code == 400
    for source in Path(str(serving.__file__)).parent.glob("*.py"):
        # starlette before 1.1 makes it of the Host header, its path included
        assert "request.url" not in source.read_text(encoding="utf-8")


def test_the_page_knows_that_a_server_runs_the_generator(waves: TestClient) -> None:
    answer = waves.get("/")
    assert 'data-runs="server"' in answer.text and 'data-runs="here"' not in answer.text
    for name in re.findall(r'(?:src|href)="([^":]+)"', answer.text):
        assert waves.get(f"/{name}").status_code == 200, name


def test_many_at_once_get_their_own(waves: TestClient, make_bundle: Any) -> None:
    expected = Generator.load(make_bundle("again")).run(seeds=range(32), classes=0)[..., 0]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda seed: waves.get(f"/api/generate?seed={seed}"), range(32)))
    np.testing.assert_array_equal(np.array([picture(answer) for answer in answers]), expected)


def test_what_draws_from_z_is_not_served(make_bundle: Any) -> None:
    with refuses("waves: --input seed"):
        check_seeds(Bundle.load(make_bundle(takes_z=True)))


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_port_that_is_taken_is_one_line(make_bundle: Any, taken: int) -> None:
    found = run("serve", make_bundle(), "--port", taken)
    assert found.exit_code == 2
    assert re.fullmatch(rf"error: --host 127.0.0.1 --port {taken}: can't listen there \(Address .*\n", found.stderr)


def test_a_host_that_is_not_this_machine_is_one_line(make_bundle: Any) -> None:
    for host, reason in (("192.0.2.1", "Cannot assign"), ("nosuch.invalid", "Name or service|No address|Temporary")):
        found = run("serve", make_bundle(host), "--host", host)
        assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
        assert re.search(rf"--host {host} --port 8000: can't listen there \(({reason})[^()]*\); use an", found.stderr)


def test_the_command_serves_until_it_is_stopped(make_bundle: Any) -> None:
    command = [sys.executable, "-m", "attngan_runtime.cli", "serve", str(make_bundle()), "--port", "0", "--no-open"]
    signals = signal.signal(signal.SIGINT, signal.default_int_handler)  # one that is ignored here would be there too
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            signal.signal(signal.SIGINT, signals)
            assert process.stdout is not None
            said = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+/", said)
            assert address, said
            with urllib.request.urlopen(f"{address[0]}api/generate?seed=1", timeout=20) as answer:
                assert answer.read().startswith(b"\x89PNG")
        finally:
            process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (0, "stopped\n", "")

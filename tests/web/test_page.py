"""The page, as a person uses it: built with the generator inside, and from `attngan-run serve`."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from attngan_runtime import Generator
from tests.web.conftest import Site


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new tab; anything on its console fails the test."""
    opened = browser.new_page(viewport={"width": 1100, "height": 900})
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    yield opened
    opened.close()
    assert said == []


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of `attngan-run serve emoji-64`."""
    command = [sys.executable, "-m", "attngan_runtime.cli", "serve", "emoji-64", "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[3]
        process.terminate()


def show(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("main")).to_be_visible(timeout=30_000)


def settled(page: Page) -> dict[str, str]:
    """What the page's address asks for, once all that it asks for is shown, and the next seeds are."""
    expect(page.locator("main")).to_have_attribute("aria-busy", "false", timeout=30_000)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(page.url).fragment).items()}
    count = 8 if page.locator("body.sentences").count() else 12
    shown = [int(seed) for seed in page.locator("#next small").all_text_contents()]
    assert shown == [(int(asked["seed"]) + i + 1) % 2**32 for i in range(count)]
    return asked


def downloaded(page: Page) -> tuple[str, np.ndarray]:
    """The file's name, and its pixels as uint8 RGBA."""
    with page.expect_download() as download:
        page.click("#download")
    with Image.open(io.BytesIO(Path(download.value.path()).read_bytes())) as picture:
        return download.value.suggested_filename, np.asarray(picture.convert("RGBA"))


def assert_alike(found: np.ndarray, expected: np.ndarray) -> None:
    """A canvas keeps colour premultiplied, in whole levels: one for that, and one for the runtime's own rounding."""

    def premultiplied(picture: np.ndarray) -> np.ndarray:
        alpha = picture[..., 3:].astype(np.float64)
        return np.concatenate([picture[..., :3] * alpha / 255, alpha], -1)

    assert np.abs(premultiplied(found) - premultiplied(expected)).max() <= 2


def drawn(name: str, **asked: Any) -> np.ndarray:
    picture = Generator.load(name).run(**asked)[0]
    return np.asarray(Image.fromarray(picture.squeeze()).convert("RGBA"))


@pytest.mark.filterwarnings("ignore:prompt:UserWarning")
@pytest.mark.parametrize("where", ["built", "served"])
def test_phrases_become_pictures(page: Page, site: Site, server: str, where: str) -> None:
    show(page, f"{site.address}/emoji-64/" if where == "built" else server)
    expect(page.locator("#prompt")).to_have_value("red heart")
    settled(page)
    _, picture = downloaded(page)
    assert_alike(picture, drawn("emoji-64", prompts="red heart", seeds=1))

    page.fill("#prompt", "green dragon zxq")
    page.click("#styles button:has-text('twitter')")
    page.fill("#seed", "7")
    page.fill("#truncation", "0.5")
    expect(page.locator("#warnings")).to_contain_text("unknown 'zxq'")
    asked = settled(page)
    assert asked == {"prompt": "green dragon zxq", "style": "twitter", "seed": "7", "truncation": "0.5"}
    name, picture = downloaded(page)
    assert name == "emoji-64-green-dragon-zxq-seed-7.png"
    assert_alike(picture, drawn("emoji-64", prompts="green dragon zxq", style="twitter", seeds=7, truncation=0.5))
    assert picture[..., 3].min() < 128 < picture[..., 3].max()

    page.click("#next li:nth-child(3) button")
    expect(page.locator("#seed")).to_have_value("10")
    assert settled(page)["seed"] == "10"
    page.click("#words button >> nth=0")
    word = page.locator("#words button").first.text_content()
    expect(page.locator("#prompt")).to_have_value(str(word))


def test_classes_are_picked_and_a_link_shows_the_same(page: Page, site: Site) -> None:
    show(page, f"{site.address}/fashion-32/")
    page.click("#classes button:has-text('Bag')")
    page.evaluate("document.querySelector('#seed-slider').value = 41")
    page.dispatch_event("#seed-slider", "input")
    assert settled(page)["class"] == "Bag"
    name, picture = downloaded(page)
    assert name == "fashion-32-bag-seed-41.png"
    assert_alike(picture, drawn("fashion-32", classes="Bag", seeds=41))
    assert (picture[..., 3] == 255).all()

    page.reload()
    expect(page.locator("main")).to_be_visible(timeout=30_000)
    expect(page.locator("#classes [aria-pressed=true]")).to_have_text("Bag")
    assert_alike(downloaded(page)[1], picture)


def test_key_words_become_sentences(page: Page, site: Site) -> None:
    show(page, f"{site.address}/captions/#seed=3&keywords=dog%2C+beach&temperature=0.7&topP=0.9")
    expected = Generator.load("captions").run(seeds=range(3, 12), keywords="dog, beach", temperature=0.7, top_p=0.9)
    expect(page.locator("#sentence")).to_have_text(expected[0])
    settled(page)
    assert page.locator("#next span").all_text_contents() == expected[1:]
    page.fill("#keywords", "zxq")
    expect(page.locator("#warnings")).to_contain_text("unknown 'zxq'")
    for hidden in ("#download", "#picture", "#of-truncation", "#of-class"):
        expect(page.locator(hidden)).to_be_hidden()
    settled(page)


def test_what_cannot_be_made_is_said_on_the_page(page: Page, site: Site) -> None:
    show(page, f"{site.address}/fashion-32/#class=Hat&words=x&top_p=1&seed=&truncation=1")
    expect(page.locator("#warnings")).to_contain_text("class: no class 'Hat'; there are T-shirt/top")
    expect(page.locator("#download")).to_be_disabled()
    page.click("#classes button:has-text('Coat')")
    assert settled(page) == {"seed": "1", "class": "Coat", "truncation": "1"}
    expect(page.locator("#warnings")).to_be_empty()
    expect(page.locator("#download")).to_be_enabled()
    page.fill("#seed", "-3")
    assert page.locator("#seed:invalid").count() == 1
    expect(page.locator("#warnings")).to_contain_text("seed: ")
    page.press("#seed", "Tab")
    expect(page.locator("#seed")).to_have_value("1")
    expect(page.locator("#warnings")).to_be_empty()
    page.goto(f"{site.address}/fashion-32/#class=8&seed=2")
    page.reload()
    expect(page.locator("#classes [aria-pressed=true]")).to_have_text("Bag")


def test_the_first_picture_does_not_wait_for_the_next(page: Page, server: str) -> None:
    held: list[Route] = []
    page.route("**/api/generate?*seed=2&*", lambda route: held.append(route))
    show(page, server)
    assert page.locator("#next li").count() == 0
    expect(page.get_by_role("img", name="seed 1, prompt red heart, style google, truncation 1")).to_be_visible()
    held[0].continue_()
    settled(page)
    expect(page.get_by_role("button", name="seed 13")).to_be_visible()


def test_a_page_from_the_disk_says_what_to_do(browser: Browser, site: Site) -> None:
    page = browser.new_page()
    page.goto((site.root / "fashion-32" / "index.html").as_uri())
    expect(page.locator("#loading.failed #state")).to_contain_text("python3 -m http.server")
    page.close()


def test_a_damaged_bundle_is_refused_on_the_page(page: Page, site: Site, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(site.root / "fashion-32", site.root / tmp_path.name))
    model = folder / "bundle" / "model.onnx"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    page.goto(f"{site.address}/{tmp_path.name}/")
    expect(page.locator("#loading.failed #state")).to_contain_text("SHA-256", timeout=30_000)
    expect(page.locator("main")).to_be_hidden()

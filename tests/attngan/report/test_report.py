"""The report of a run: one page with nothing from outside, true to the files, whatever is missing of them."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from markupsafe import escape
from PIL import Image
from refusals import refused
from tiny_text import sentences, untrained

from attngan.checkpoint import PRETRAINED, load_config, load_tensors, save_tensors
from attngan.cli import main
from attngan.config import CONFIGS, RunConfig
from attngan.data import TextDataset
from attngan.metrics.closeness import closeness
from attngan.networks.image import ImageGenerator
from attngan.presets import preset
from attngan.report.embed import data_url
from attngan.report.image import memorisation_rows
from attngan.report.page import REPORTS, render
from attngan.report.tables import config_text
from attngan.tasks.image import ImageRun

EVIL = '<script>alert("x")</script>'


def call(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def lines(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def noise(path, side):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)).save(path)


def bare(folder, classes=("cat", EVIL)):
    """Only what attngan-export needs: config.json and generator.safetensors."""
    network, training = preset("tiny")
    config = RunConfig("tiny", replace(network, classes=len(classes)), training, tuple(classes))
    folder.mkdir()
    (folder / "config.json").write_text(config.to_json())
    torch.manual_seed(0)
    save_tensors(folder / "generator.safetensors", ImageGenerator(config.network).state_dict(), {"images": 1000})
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run that stopped early, with all that a run can write."""
    folder = bare(tmp_path_factory.mktemp("runs") / "my cats")
    figures = {"loss_d": 1.0, "loss_g": 0.5, "real": 0.1, "fake": 0.0, "penalty": 0.1}
    lines(folder / "metrics.jsonl", *({"images": 16 + 64 * i, **figures} for i in range(25)))
    kids = [{"images": 1000, "kid": 0.0123, "kid_error": 0.0011, "best": True}]
    lines(folder / "quality.jsonl", *kids, {"images": 1500, "kid": 0.02, "kid_error": 0.001, "best": False})
    lines(folder / "events.jsonl", {"images": 1500, "event": "stopped early", "detail": f"KID rose {EVIL}"})
    (folder / "memorisation.json").write_text(
        json.dumps({**share("closer_than_median", 0.62, 0.5), "samples": 500, "other": EVIL})
    )
    (folder / "data.json").write_text(json.dumps({"path": f"/cats/{EVIL}", "pictures": 900, "held_out": 90}))
    for images in range(100, 1600, 100):
        noise(folder / "samples" / f"{images:09d}.png", 40)
    noise(folder / "neighbours.png", 100)
    return folder


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "my cats")


class Page(HTMLParser):
    """Tags, addresses, and the text that a reader sees."""

    void = ("meta", "img", "link", "br", "input")

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.addresses, self.words = [], [], [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in self.void:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
                self.addresses.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.void:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if not {"style", "svg"} & set(self.open):
            self.words.append(text)


def test_a_whole_run_is_told_truly_and_asks_nothing_of_the_network(run):
    result = call("report", run)
    assert result.exit_code == 0, result.output
    html = (run / "report.html").read_text()
    page = Page(html)
    assert not page.open, "every tag is closed"
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert not re.search(r"url\((?!#)|@import", html)
    for words in (
        "my cats", "Preset tiny", "stopped early", "1,552 of 2,000 planned (78%)", "0.0123 ± 0.0011 after 1,000 images",
        "900 pictures, 90 of them held out", "saved after 1,000 images", "62.0 % ± 2.0 %", "copies to some degree",
        "After 1,000 images, by the generator that is kept", "attngan sample '", "augment_probability",
    ):  # fmt: skip
        assert words in page.text, words
    assert len(html) < 2_000_000


def test_names_and_paths_of_users_are_text_and_never_markup(run):
    html = render(run, f"runs/{EVIL}")
    assert "<script" not in html.lower() and "script" not in Page(html).tags
    assert Page(html).text.count("alert(") >= 6  # class, path of the data, event, memorisation, config.json, commands


def test_the_strip_holds_at_most_twelve_grids_from_first_to_last(run):
    html = render(run, "run")
    strip = html[html.index('class="strip"') : html.index("<h2>Curves")]
    shown = re.findall(r"<figcaption>([\d,]+) images", strip)
    assert len(shown) == 12 and shown[0] == "100" and shown[-1] == "1,500"
    assert "12 of 15 grids, evenly over the run" in Page(html).text


@pytest.mark.parametrize("count", [2, 3, 5, 8, 10, 20])
def test_each_column_of_a_grid_is_named_as_training_draws_it(count, tmp_path, monkeypatch):
    monkeypatch.setattr("attngan.report.page.curves_svg", lambda _: {})
    names = [f"kind {index}" for index in range(count)]
    folder = bare(tmp_path / "run", names)
    noise(folder / "samples" / "000000064.png", 40)
    run = SimpleNamespace(config=load_config(folder), device="cpu")
    drawn, columns = ImageRun.shown(run)
    assert drawn.view(-1, columns).eq(drawn[:columns]).all() and columns >= 5
    said = ", ".join(names[number] for number in drawn[:columns].tolist())
    text = Page(render(folder, "run")).text
    assert re.search(rf"Its {columns} columns from left to right: {said}( \(and 4 more|\.)", text)
    assert ("4 more classes" in text) == (count == 20)


def test_a_grid_that_is_torn_hides_no_other(run, monkeypatch):
    monkeypatch.setattr("attngan.report.page.curves_svg", lambda _: {})
    for images in (1000, 1500):  # of the generator that is kept, and the last
        (run / "samples" / f"{images:09d}.png").write_bytes(b"torn")
    text = Page(render(run, "run")).text
    assert "After 1,400 images." in text and "no sample grid" not in text


def settings_of(text):
    return text[text.index("Settings") : text.index("Versions")]


def test_settings_are_those_of_the_task(run, telling):
    pictures, sentences = (settings_of(Page(render(folder, "run")).text) for folder in (run, telling))
    for name in ("grow", "matching_images", "likelihood_images", "temperature", "without_keywords", "mismatched"):
        assert name not in pictures, name
    for name in ("augment", "overfitting_target", "grow", "matching_images", "perceptual"):
        assert name not in sentences, name
    assert "augment_probability" in pictures and "likelihood_images" in sentences and "mismatched" in sentences
    config = load_config(telling)
    assert RunConfig.from_json(config_text(config), "page") == config, "what it leaves out changes nothing"


def test_config_and_generator_alone_make_a_page(tmp_path):
    folder = bare(tmp_path / "bare")
    result = call("report", folder, "--out", tmp_path / "new" / "page.html")
    assert result.exit_code == 0, result.output
    text = Page((tmp_path / "new" / "page.html").read_text()).text
    for words in ("no records", "not measured", "no sample grid", "no measurements", "Not measured: whether"):
        assert words in text, words
    assert not (folder / "report.html").exists()


def test_it_names_the_features_that_kid_is_measured_in(run, monkeypatch):
    assert "in EfficientNet-Lite0 features" in Page(render(run, "run")).text
    monkeypatch.setattr(RunConfig, "saw_efficientnet", True)
    text = Page(render(run, "run")).text
    assert "in Open NSFW features" in text and "EfficientNet" not in text


def test_a_run_that_is_being_written(run):
    for name in ("generator.safetensors", "quality.jsonl", "events.jsonl", "memorisation.json", "neighbours.png"):
        (run / name).unlink()
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"images": 1616, "loss_d"')
    (run / "samples" / "000001600.png").write_bytes((run / "samples" / "000001500.png").read_bytes()[:100])
    (run / "samples" / "000001600.png.part").write_bytes(b"")
    text = Page(render(run, "run")).text
    for words in ("not finished", "1,600 of 2,000", "none yet", "Not measured"):
        assert words in text, words


@pytest.mark.parametrize("name", ["metrics.jsonl", "quality.jsonl", "events.jsonl", "memorisation.json", "data.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", '{"images": null, "kid": "low", "best": true, "event": 7}\n'])
def test_strange_files_do_not_stop_the_page(run, name, content, monkeypatch):
    monkeypatch.setattr("attngan.report.page.curves_svg", lambda _: {})  # test_curves.py has these
    (run / name).write_text(content)
    (run / "generator.safetensors").write_bytes(b"torn")
    assert not Page(render(run, "run")).open


def share(name, value, expected):
    return {name: value, f"{name}_error": 0.02, f"{name}_without_copies": expected}


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (share("closer_than_median", 0.62, 0.5), "copies to some degree"),
        (share("closer_than_median", 0.53, 0.5), "no sign of copying"),
        (share("closer_than_median", 0.30, 0.5), "no copying shows"),
        (share("closer_than_median", None, 0.5), ""),
        # Copies with flaws are far by features, and yet the nearest real picture is the one copied.
        (share("closer_than_median", 0.1, 0.5) | share("nearest_is_training", 0.64, 0.33), "copies to some degree"),
        (share("closer_than_median", 0.5, 0.5) | share("pixels_nearest_is_training", 1, 0.33), "copies to some degree"),
        (share("closer_than_median", 0.0, 0.5) | {"held_out_distance": 0.0}, "can't be told"),
        # Smoothness alone raises this one.
        (share("closer_than_median", 0.5, 0.5) | share("pixels_closer_than_median", 0.62, 0.5), "no sign of copying"),
    ],
)
def test_memorisation_is_read_in_words(run, figures, words, monkeypatch):
    monkeypatch.setattr("attngan.report.page.curves_svg", lambda _: {})
    (run / "memorisation.json").write_text(json.dumps({**figures, "samples": 50}))
    text = Page(render(run, "run")).text
    assert words in text
    readings = ("to some degree", "no sign of", "no copying shows", "can't be told")
    assert sum(reading in text for reading in readings) == bool(words)


def measured(held_out, training_like):
    """memorisation.json as it is written of a generator of far pictures; so many held-out ones are re-encoded."""
    random = np.random.default_rng(0)
    away = np.concatenate([random.uniform(0, 0.05, training_like), random.uniform(1, 2, held_out - training_like)])
    found = closeness(random.uniform(3, 4, 200), away, None).as_dict()
    return {**found, **{f"pixels_{name}": value for name, value in found.items()}, "held_out": held_out}


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (measured(100, 0), "no copying shows"),
        (measured(100, 20), "can't be told"),
        (measured(19, 0), "no copying shows"),  # of so few no tail is measured
        ({name: value for name, value in measured(100, 0).items() if "tail" not in name}, "no copying shows"),
        (measured(100, 0) | {"pixels_held_out_tail": 0.0}, "can't be told"),  # as older files have it
        (measured(100, 0) | {"pixels_held_out_tail": None}, "can't be told"),
        (measured(100, 20) | share("nearest_is_training", 1, 0.33), "copies to some degree"),
    ],
)
def test_where_held_out_pictures_look_as_training_pictures_nothing_is_told(figures, words):
    assert words in memorisation_rows(figures)["reading"]


@pytest.mark.parametrize(("held_out", "rough"), [(20, True), (500, False)])
def test_few_held_out_pictures_are_said_to_be_few(run, held_out, rough, monkeypatch):
    monkeypatch.setattr("attngan.report.page.curves_svg", lambda _: {})
    (run / "memorisation.json").write_text(json.dumps({**share("closer_than_median", 0.5, 0.5), "held_out": held_out}))
    assert ("With 20 held-out pictures only copying at large" in Page(render(run, "run")).text) == rough


def test_memorisation_has_its_shares_side_by_side(run, monkeypatch):
    monkeypatch.setattr("attngan.report.page.curves_svg", lambda _: {})
    figures = share("closer_than_tail", 0.026, 0.05) | share("pixels_closer_than_tail", 0.016, 0.05)
    (run / "memorisation.json").write_text(json.dumps({**figures, "distance": 8.1, "samples": 500}))
    text = " ".join(Page(render(run, "run")).text.split())
    assert "closest 5 % of held-out ones 2.6 % ± 2.0 % 1.6 % ± 2.0 % 5.0 %" in text
    assert "generated pictures 500" in text and "without_copies" not in text
    figures |= {"pixels_held_out_tail": 0.0, "pixels_closer_than_tail": 0.0}
    (run / "memorisation.json").write_text(json.dumps(figures))
    assert "closest 5 % of held-out ones 2.6 % ± 2.0 % – 5.0 %" in " ".join(Page(render(run, "run")).text.split())


@pytest.mark.parametrize(("images", "state"), [(2000, "finished"), (2016, "finished"), (1984, "not finished")])
def test_a_run_is_finished_when_all_its_images_were_shown(tmp_path, images, state, monkeypatch):
    monkeypatch.setattr("attngan.report.page.curves_svg", lambda _: {})
    folder = bare(tmp_path / "run")
    noise(folder / "samples" / f"{images:09d}.png", 16)
    assert f"State {state}" in Page(render(folder, "run")).text


def test_large_pictures_are_made_small_and_small_ones_kept(tmp_path):
    noise(tmp_path / "a.png", 100)
    noise(tmp_path / "b.png", 1000)
    (tmp_path / "c.png").write_text("no picture")
    assert data_url(tmp_path / "a.png", 500).startswith("data:image/png")
    large = data_url(tmp_path / "b.png", 500)
    assert large.startswith("data:image/webp") and len(large) < 300_000
    assert data_url(tmp_path / "c.png", 500) is None and data_url(tmp_path / "d.png", 500) is None


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("{tmp}/nothing",), "no run folder"),
        (("{tmp}",), "no run folder"),
        (("{run}", "--out", "{tmp}/a.pdf"), "a report is a web page"),
        (("{run}", "--out", "{run}/config.json/a.html"), "config.json is a file"),
        (("{run}", "--out", "{tmp}/folder.html"), "is a folder"),
    ],
)
def test_mistakes_get_one_line_and_write_nothing(args, message, run, tmp_path):
    (tmp_path / "folder.html").mkdir()
    before = sorted(tmp_path.rglob("*"))
    result = call("report", *(arg.format(run=run, tmp=tmp_path) for arg in args))
    refused(result, message)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture(scope="module")
def telling(tmp_path_factory):
    """A finished run of sentences, whose generator of 640 of them is kept."""
    folder = untrained(tmp_path_factory.mktemp("runs") / "my tales", TextDataset(sentences()), images=1280)
    weights, about = load_tensors(folder / "generator.safetensors")
    kept = {"images": 640, "kid": 0.0123, "kid_error": 0.0011}
    save_tensors(folder / "generator.safetensors", weights, {**about, "images": 640, "best": kept})
    baseline, about = load_tensors(folder / "likelihood.safetensors")
    save_tensors(folder / "likelihood.safetensors", baseline, {**about, "images": 576, "nll": 1.5})
    nlls = [(64, 3.0), (576, 1.5), (640, 1.6)]
    lines(folder / "likelihood.jsonl", *({"images": n, "loss": nll, "held_out_nll": nll} for n, nll in nlls))
    figures = {"loss_d": 0.6, "loss_g": 0.7, "real": 0.1, "fake": 0.0, "learning_rate": 5e-5, "gamma": 0.0}
    lines(folder / "metrics.jsonl", *({"images": 64 * place, **figures} for place in range(20)))
    kids = [{"images": n, "kid": kid, "kid_error": 0.001, "best": True} for n, kid in ((0, 0.05), (640, 0.0123))]
    lines(folder / "quality.jsonl", *kids)
    data = {"path": f"/tales/{EVIL}", "sentences": 300, "held_out": 30, "skipped": 2, "fingerprint": "abc"}
    (folder / "data.json").write_text(json.dumps(data))
    for images, verb in ((0, "cat"), (640, "dog's"), (1280, "bird")):
        texts = [
            f"dog's, house: A {verb} and a house, a house {EVIL}.", "cat, sleeps: It is one.", "torn line",
            f"(anything): {verb} about anything: {EVIL}.", "(anything): ",
        ]  # fmt: skip
        (folder / "samples").mkdir(exist_ok=True)
        (folder / "samples" / f"{images:09d}.txt").write_text("\n".join(texts) + "\n")
    return folder


@pytest.fixture
def tales(telling, tmp_path):
    return shutil.copytree(telling, tmp_path / "my tales")


@pytest.fixture
def flat(monkeypatch):
    """Pages without curves, which take most of their time."""
    monkeypatch.setattr("attngan.report.page.curves_svg", lambda _: {})


def test_a_run_of_sentences_is_told_truly(tales):
    result = call("report", tales)
    assert result.exit_code == 0, result.output
    html = (tales / "report.html").read_text()
    page = Page(html)
    assert not page.open and all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"url\((?!#)|@import", html) and len(html) < 500_000
    for words in (
        "my tales", "Preset tiny-text: writes sentences of up to 23 words and marks of punctuation, out of 26",
        "about up to 5 key words or about anything", "300 sentences, 30 of them held out; 2 lines could not be read",
        "State finished all planned sentences were shown", "576 of 640 sentences at most; more did not help",
        "1,280 of 1,280 sentences planned (100%)", "−log p of held-out sentences, lower is better 1.500 nats a token",
        "a perplexity of 4.5", "Best kernel distance (KID), lower is better 0.0123 ± 0.0011 after 640 sentences",
        "saved after 640 sentences", "Written after 640 sentences against the discriminator, by the generator that is",
        "2 of 4 stand in the sentence about them", "by likelihood alone and after 640 sentences against",
        "KID is the kernel distance between the embeddings (all-MiniLM-L6-v2) of 30 sentences",
        "It can't be compared with the KID of pictures", "without_keywords", "fingerprint of the sentences abc",
        f"attngan evaluate '{tales}' --data test.txt --beside '{tales}/likelihood.safetensors'",
    ):  # fmt: skip
        assert words in page.text, words
    assert "memorisation.json" not in html and "Dashed" not in html and "resolution" not in page.text
    assert re.findall(r'aria-label="([^"]+)"', html) == [
        "Losses", "Mean logits", "Learning rate and γ", "Likelihood", "KID",
    ]  # fmt: skip
    assert ">KID of sentence embeddings</text>" in html.replace("\n", "")


def test_key_words_stand_apart_and_are_found_in_their_sentence(tales, flat):
    html = render(tales, "run")
    asked = html[html.index("About key words") : html.index("About anything")]
    assert (
        "<span>dog&#39;s</span><span>house</span></div>A <b>dog&#39;s</b> and a <b>house</b>, a <b>house</b> " in asked
    )
    assert "<span>cat</span><span>sleeps</span></div>It is one.</li>" in asked and "torn line" not in html
    free = html[html.index("About anything") : html.index("How it got there")]
    assert "<li>dog&#39;s about anything: &lt;script&gt;" in free and free.count("<li>") == 2
    compared = html[html.index('class="compared"') : html.index("</table>")]
    assert re.findall(r"A (?:<b>)?(cat|dog&#39;s|bird)", compared) == ["cat", "dog&#39;s"]
    assert compared.count("<tr>") == 5 and compared.count('class="any"') == 2
    commands = html[html.index("attngan sample") :]
    assert commands.count(f"--keywords {escape(shlex.quote(chr(39).join(('dog', 's, house'))))}") == 3


def test_text_of_a_run_is_text_and_never_markup(tales, flat):
    html = render(tales, f"runs/{EVIL}")
    assert "<script" not in html.lower() and Page(html).text.count("alert(") >= 6


@pytest.mark.parametrize(
    ("kept", "shown", "words"),
    [
        (0, "by likelihood alone, by the generator that is kept", "saved before the discriminator came"),
        (1280, "after 1,280 sentences against the discriminator, by the generator that is kept", "saved after 1,280"),
        (None, "after 1,280 sentences against the discriminator, the last that the run wrote", "MB"),
    ],
)
def test_what_is_shown_is_of_the_generator_that_is_kept(tales, flat, kept, shown, words):
    weights, _ = load_tensors(tales / "generator.safetensors")
    best = {"images": kept, "kid": 0.05, "kid_error": 0.001}
    save_tensors(tales / "generator.safetensors", weights, {} if kept is None else {"images": kept, "best": best})
    text = Page(render(tales, "run")).text
    assert f"Written {shown}" in text and words in text
    assert "by likelihood alone and after 1,280 sentences against the discriminator" in text
    assert (f"lower is better 0.0500 ± 0.0010 {shown.split(', ')[0]}" in text) == (kept is not None)


def test_a_run_of_sentences_in_every_state(tales, flat):
    def state():
        return re.search(r"State (.*?) Shown by", Page(render(tales, "run")).text).group(1)

    assert state().startswith("finished")
    lines(tales / "events.jsonl", {"images": 1280, "event": "stopped early", "detail": "KID collapsed"})
    assert state() == "stopped early its KID was getting worse"
    before = (tales / "quality.jsonl").read_bytes()
    lines(tales / "quality.jsonl", {"images": 1500, "kid": 0.02, "kid_error": 0.001, "best": False})
    assert state().startswith("finished")  # it went on by --patience 0
    (tales / "quality.jsonl").write_bytes(before)
    (tales / "events.jsonl").unlink()
    for name in ("metrics.jsonl", "quality.jsonl"):
        (tales / name).unlink()
    for path in (tales / "samples").glob("*.txt"):
        path.unlink()
    text = Page(render(tales, "run")).text
    assert state().startswith("not finished") and "Shown against the discriminator 0 of 1,280" in text
    assert "no sentences that could be read" in text and "How it got there" not in text
    for name in ("likelihood.safetensors", "generator.safetensors"):
        (tales / name).unlink()
    assert state() == "learning likelihood no discriminator yet; being trained, or interrupted"
    text = Page(render(tales, "run")).text
    assert "640 of 640 sentences at most" in text and "1.500 nats" in text and "none yet" in text
    assert "Best kernel distance (KID) not measured" in text
    (tales / "likelihood.jsonl").unlink()
    assert state().startswith("no records") and "−log p of held-out sentences not measured" in Page(
        render(tales, "run")
    ).text  # fmt: skip


@pytest.mark.parametrize(
    "name", ["samples/000000640.txt", "likelihood.jsonl", "quality.jsonl", "likelihood.safetensors"]
)
@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe: \xff\n", b'{"images": null, "held_out_nll": "low"}\n', b"a: b"]
)
def test_strange_files_of_sentences_do_not_stop_the_page(tales, flat, name, content):
    (tales / name).write_bytes(content)
    assert not Page(render(tales, "run")).open


def test_every_task_has_a_page_and_prompts_are_told_of(flat):
    assert REPORTS.keys() == CONFIGS.keys()
    html = render(PRETRAINED / "emoji-64", "emoji-64")
    text = Page(html).text
    assert re.search(r"64×64 RGBA, drawn from [\d,]+ words in \d styles\.", text)
    for words in ('attngan sample emoji-64 "a few words" --out grid.png', '--prompt "a few words" --seeds 0-63'):
        assert words in text, words
    assert "--interpolate" not in text and "classes" not in text.split("Settings")[0]


def test_the_page_of_a_shipped_writer(flat):
    text = Page(render(PRETRAINED / "captions", "captions")).text
    for words in (
        "Preset captions: writes",
        "no records",
        "no sentences that could be read",
        "attngan sample captions",
    ):
        assert words in text, words
    assert '--keywords "a few, words"' in text.replace("'", '"')

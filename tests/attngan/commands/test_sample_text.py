"""`attngan sample` with a generator that writes: sentences, sheets of key words, and every mistake in one line."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib import colormaps
from PIL import Image
from refusals import refused, refuses
from safetensors.torch import load_file
from tiny_text import sentences, untrained

from attngan.checkpoint import save_tensors
from attngan.cli import main
from attngan.data import TextDataset
from attngan.generators import find_source, open_generator
from attngan.generators.text import TorchTextGenerator
from attngan.visualization.keyword_sheet import check_sheet

PLAIN = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return untrained(tmp_path_factory.mktemp("runs") / "tales", TextDataset(sentences()))


@pytest.fixture(scope="module")
def writer(run):
    return open_generator(str(run))


def call(*arguments):
    return CliRunner().invoke(main, ["sample", *map(str, arguments)])


def written(writer, asked, seeds, **sampling):
    """What the network writes for each set of key words, one sentence at a time."""
    lines = []
    for words in writer.read_keywords(asked).ids:
        for seed in seeds:
            lines += writer.sample([seed], words[None], **(PLAIN | sampling))
    return "".join(f"{line}\n" for line in lines)


def test_without_key_words_eight_sentences_about_anything(run, writer):
    result = call(run)
    assert result.exit_code == 0, result.output
    assert result.stderr == "note: no --keywords, so tales writes about anything\n"
    assert result.stdout == written(writer, [""], range(8))
    assert len(set(result.stdout.splitlines())) > 4


def test_for_each_set_of_key_words_all_its_seeds(run, writer):
    sets = ["dog, beach", "Black CAT!", "old tree"]
    options = [part for words in sets for part in ("--keywords", words)]
    result = call(run, *options, "--seeds", "5,9,4294967295")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == written(writer, sets, (5, 9, 2**32 - 1))
    assert call(run, "--keywords", "beach dog dog", "--seeds", 5).stdout == written(writer, ["dog, beach"], [5])


def test_the_seed_and_the_key_words_decide_and_not_the_batch(writer):
    """More than one batch of them; the order of key words is of no account."""
    words = writer.read_keywords(["dog, beach", "beach, dog", ""]).ids
    many = writer.tokens(list(range(70)), words[[0]].repeat(70, 0))
    for place in (0, 63, 64, 69):
        assert np.array_equal(writer.tokens([place], words[[0]])[0], many[place])
        assert np.array_equal(writer.tokens([place], words[[1]])[0], many[place])
    assert not np.array_equal(writer.tokens(list(range(70)), words[[2]].repeat(70, 0)), many)


def test_sampling_is_what_is_asked_for(run, writer):
    for name, value, sampling in (
        ("--temperature", 0.3, {"temperature": 0.3}), ("--top-k", 3, {"top_k": 3}), ("--top-p", 0.4, {"top_p": 0.4})
    ):  # fmt: skip
        result = call(run, "--keywords", "dog", "--seeds", "0-3", name, value)
        assert result.stdout == written(writer, ["dog"], range(4), **sampling)
        assert result.stdout != written(writer, ["dog"], range(4))
    likeliest = call(run, "--keywords", "dog", "--seeds", "0-3", "--top-k", 1).stdout.splitlines()
    assert len(set(likeliest)) == 1  # whatever the seed
    assert call(run, "--keywords", "dog", "--seeds", "0", "--top-p", 1e-6).stdout.splitlines() == likeliest[:1]


def test_words_that_are_left_out_are_named_and_the_rest_is_written(run, writer):
    many = "dog cat bird horse fish beach kitchen"
    result = call(
        run, "--keywords", "dog, zebra", "--keywords", many, "--keywords", "unicorn", "--keywords", " ", "--seeds", 0
    )
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert lines == [
        "warning: key words 'dog, zebra': unknown 'zebra'; hardly a sentence of its training has such a word",
        f"warning: key words '{many}': 5 at most, without 'beach', 'kitchen'",
        "warning: key words 'unicorn': unknown 'unicorn'; hardly a sentence of its training has such a word",
        "warning: key words 'unicorn': none is left, so these sentences are about anything",
        "warning: key words '': none is left, so these sentences are about anything",
    ]
    assert result.stdout == written(writer, ["dog", "dog cat bird horse fish", "", ""], [0])


def test_sentences_in_a_file_are_those_that_are_printed(run, writer, tmp_path):
    out = tmp_path / "sentences.txt"
    out.write_text("old")
    result = call(run, "--keywords", "dog", "--seeds", "0-2", "--out", out)
    assert result.output == f"wrote 3 sentences of tales to {out}\n"
    assert out.read_text() == written(writer, ["dog"], range(3)) and sorted(tmp_path.iterdir()) == [out]


def test_what_likelihood_gave_is_a_generator_too(run, writer):
    baseline = open_generator(f"{run}/likelihood.safetensors")
    assert find_source(f"{run}/likelihood.safetensors").task == find_source(str(run)).task == "text"
    assert (baseline.name, writer.name) == ("tales-likelihood", "tales")
    result = call(f"{run}/likelihood.safetensors", "--keywords", "dog", "--seeds", "0-3")
    assert result.stdout == written(baseline, ["dog"], range(4)) != written(writer, ["dog"], range(4))
    assert "tales-likelihood writes about anything" in call(run / "likelihood.safetensors").stderr


def test_a_sheet_shows_the_shares_of_the_key_words(run, writer, tmp_path):
    out, asked = tmp_path / "heat.png", ("--keywords", "dog, beach", "--keywords", "cat runs tree", "--seeds", "3,4")
    result = call(run, *asked, "--out", out, "--attention")
    assert result.output == f"wrote which key words tales looks at to {out}\n"
    with Image.open(out) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"))
    words = writer.read_keywords(["dog, beach", "cat runs tree"]).ids.repeat(2, 0)
    tokens = writer.tokens([3, 4, 3, 4], words)
    shares, spoken = writer.attention(tokens, words).numpy(), tokens > 2
    assert np.allclose(shares.sum(2)[spoken], 1, atol=1e-5) and not shares[0, :, 2:].any()
    height = 2 * (1.3 + 0.22 * spoken.sum(1).max())
    assert pixels.shape == (int(100 * height), 680, 3)  # two seeds, so two tables in each row
    drawn = np.unique(pixels[:, :580].reshape(-1, 3), axis=0).astype(int)  # without the scale, which has all colours
    looked = shares[spoken[:, :, None] & (words > 0)[:, None]]
    wanted = colormaps["Blues"](looked, bytes=True)[:, None, :3]
    assert np.ptp(looked) > 0.2 and np.abs(drawn - wanted).max(2).min(1).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{run}", "--temperature", "0.01"), "--temperature: 0.01 is outside 0.05 to 5"),
        (("{run}", "--temperature", "5.1"), "--temperature: 5.1 is outside"),
        (("{run}", "--temperature", "nan"), "--temperature: nan is outside"),
        (("{run}", "--top-k", "-1"), "--top-k: -1 is outside 0 to 29"),
        (("{run}", "--top-k", "30"), "--top-k: 30 is outside 0 to 29"),
        (("{run}", "--top-p", "0"), "--top-p: 0 leaves no word"),
        (("{run}", "--top-p", "1.01"), "--top-p: 1.01 is outside 0 to 1"),
        (("{run}", "--seeds", "4294967296"), "4294967296 is outside"),
        (("{run}", "--keywords", "dog\x07"), "--keywords 'dog\\x07': U+0007 at place 3 is a control character"),
        (("{run}", "--out", "{run}/config.json/a.txt"), "config.json is a file"),
        (("{run}", "--out", "{tmp}"), "is a folder"),
        (("{run}", "a red heart"), "PROMPT 'a red heart': {run} writes sentences"),
        (("{run}", "--classes", "1"), "--classes 1: {run} writes sentences"),
        (("{run}", "--style", "flat"), "--style flat: {run} writes sentences"),
        (("{run}", "--truncation", "1"), "--truncation 1: {run} writes sentences"),
        (("{run}", "--interpolate", "3"), "--interpolate 3: {run} writes sentences"),
        (("{run}", "--keywords", "dog", "--out", "{tmp}/a.png", "--attention", "1,2"), "--attention 1,2: {run} writes"),
        (("{run}", "--out", "{tmp}/a.PNG"), "/a.PNG: {run} writes sentences"),
        (("{run}", "--out", "{tmp}/a.png", "--attention"), "--attention: shows where key words"),
        (("{run}", "--keywords", "dog", "--attention"), "give --keywords, and --out heat.png"),
        (("{run}", "--keywords", "dog", "--out", "{tmp}/a.txt", "--attention"), "sheets of key words"),
        (("{run}", "--keywords", "dog", "--out", "{run}/config.json/a.png", "--attention"), "config.json is a file"),
        (("{run}", "--keywords", "dog", "--seeds", "0-16", "--out", "{tmp}/a.png", "--attention"), "17 sentences, and"),
        (("fashion-32", "--keywords", "dog", "--out", "{tmp}/a.png"), "--keywords dog: fashion-32 draws pictures"),
        (("fashion-32", "--temperature", "1", "--out", "{tmp}/a.png"), "--temperature 1.0: fashion-32 draws pictures"),
        (("fashion-32", "--top-k", "0", "--out", "{tmp}/a.png"), "--top-k 0: fashion-32 draws pictures"),
        (("fashion-32", "--top-p", "1", "--out", "{tmp}/a.png"), "--top-p 1.0: fashion-32 draws pictures"),
        (("fashion-32",), "Missing option '--out': fashion-32 draws pictures"),
        (("{tmp}/likelihood.safetensors",), "no such run folder"),
        (("{run}/generator.safetensors",), "no such run folder"),
    ],
)
def test_mistakes_get_one_line_and_nothing_is_written(arguments, message, run, tmp_path, monkeypatch):
    def never(*_):
        raise AssertionError("written before all options were checked")

    monkeypatch.setattr(TorchTextGenerator, "tokens", never)
    result = call(*(argument.format(run=run, tmp=tmp_path) for argument in arguments))
    refused(result, message.format(run=run))
    assert not list(tmp_path.iterdir())


def test_a_sheet_of_words_that_nobody_knows_is_refused(run, tmp_path, writer):
    result = call(run, "--keywords", "zebra", "--out", tmp_path / "a.png", "--attention")
    assert result.exit_code == 2 and not list(tmp_path.iterdir())
    assert result.output.splitlines()[-1].startswith("error: --keywords: none that it knows")
    with refuses("--keywords: none that it knows"):
        check_sheet(writer, np.zeros((1, 5), np.int64), tmp_path / "a.png")


def test_without_cross_attention_there_is_nothing_to_see(tmp_path):
    run = untrained(tmp_path / "mean", TextDataset(sentences()))
    config, weights = run / "config.json", load_file(run / "generator.safetensors")
    config.write_text(config.read_text().replace('"cross_attention": true', '"cross_attention": false'))
    save_tensors(run / "generator.safetensors", {name: weights[name] for name in weights if "cross" not in name})
    result = call(run, "--keywords", "dog", "--out", tmp_path / "a.png", "--attention")
    refused(result, "--attention: mean has no attention to key words")
    assert call(run, "--keywords", "dog").exit_code == 0


def test_a_writer_without_its_words_or_with_others_is_refused(run, tmp_path):
    out = shutil.copytree(run, tmp_path / "run")
    content = (out / "tokenizer.json").read_bytes()
    (out / "tokenizer.json").write_bytes(
        content.replace(b'"max_length": 24', b'"max_length": 22').replace(b'"Fixed": 24', b'"Fixed": 22')
    )
    with refuses("tokenizer.json: not the vocabulary"):
        open_generator(str(out))
    (out / "tokenizer.json").unlink()
    result = call(out)
    refused(result, "tokenizer.json: No such file")

"""Runs that begin with the weights of another generator."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from refusals import refused, refuses
from safetensors.torch import load_file
from tiny_runs import same_bits, untimed, write_pictures
from tiny_words import captioned, words_config, write_captioned

from attngan.checkpoint import load_config, read_tokenizer
from attngan.cli import main
from attngan.generators.source import find_run
from attngan.run_folder import read_lines
from attngan.train import Outcome, build, train
from attngan.training.beginning import begin_from, check_beginning
from attngan.training.word_matching import WordMatching
from attngan_runtime.tokenizers.prompts import Tokenizer
from attngan_runtime.tokenizers.word_level import UNKNOWN

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    config, tokenizer = words_config(captioned())
    assert train(config, captioned(), folder, CPU, tokenizer=tokenizer) == Outcome.FINISHED
    return find_run(str(folder))


def other_pictures():
    """Two styles that are known, in another order, one that is new, and azure in place of red."""
    pictures = captioned()
    texts, tags = (
        [tuple(text.replace("red", "azure") for text in each) for each in words]
        for words in (pictures.captions.texts, pictures.captions.tags)
    )
    captions = replace(pictures.captions, texts=texts, tags=tags)
    return replace(pictures, captions=captions, style_names=["soft", "bold", "flat"])


def begun(source, pictures):
    config, tokenizer = words_config(pictures)
    state = build(config, CPU)
    return config, Tokenizer.from_json(tokenizer, ""), state, begin_from(source, state, config, tokenizer)


def draw(network, tokens, style):
    condition = torch.tensor(np.concatenate([[[style]], tokens], 1))
    with torch.no_grad():
        return network.eval()(torch.ones(1, network.config.z_dim), condition)


def test_words_and_styles_keep_their_meaning_under_other_numbers(source):
    _, now, state, carried = begun(source, other_pictures())
    assert "2 of 3 styles" in carried and "its discriminator" in carried
    then = Tokenizer.from_json(read_tokenizer(source.folder), "")
    network = build(source.config, CPU).trainer.generator
    network.load_state_dict(load_file(source.folder / "generator.safetensors"))
    words = ["green square, top left"]
    assert not np.array_equal(now.encode(words).ids, then.encode(words).ids)
    for average in (state.trainer.generator, state.ema.network):
        here = draw(average, now.encode(words).ids, 0)  # soft
        assert torch.equal(here, draw(network, then.encode(words).ids, 1))
        unknown = then.encode(["azure square, top left"]).ids
        assert UNKNOWN in unknown
        assert torch.equal(draw(average, now.encode(["azure square, top left"]).ids, 2), draw(network, unknown, 0))
        assert torch.allclose(average.style.weight[1], network.style.weight.mean(0))  # bold, which is new


def test_the_discriminator_comes_from_the_checkpoint_or_else_begins_with_the_same_words(source, tmp_path):
    _, _, state, _ = begun(source, captioned())
    saved = load_file(source.folder / "checkpoint.safetensors")
    for name, value in state.trainer.discriminator.state_dict().items():
        assert torch.equal(value, saved[f"discriminator.{name}"])

    for name in ("config.json", "tokenizer.json", "generator.safetensors"):
        (tmp_path / name).write_bytes((source.folder / name).read_bytes())
    config, _, state, carried = begun(find_run(str(tmp_path)), captioned())
    assert "its discriminator" not in carried
    fresh = build(config, CPU).trainer.discriminator.state_dict()
    for name, value in state.trainer.discriminator.state_dict().items():
        like = saved[f"ema.{name}"] if name.startswith("text.") else fresh[name]
        assert torch.equal(value, like)


def test_other_networks_are_refused(source):
    config, _ = words_config(captioned())
    check_beginning(source, config)
    with refuses(f"--from {source.written}: of another shape than tiny-words .z_dim"):
        check_beginning(source, replace(config, network=replace(config.network, z_dim=8)))


def command(*words):
    return CliRunner().invoke(main, ["train", *map(str, words)])


def test_a_run_begins_from_another_and_resumes_by_the_same_command(source, tmp_path, monkeypatch):
    untimed(monkeypatch)
    (tmp_path / "data").mkdir()
    data, out = write_captioned(tmp_path / "data"), tmp_path / "out"
    words = ["--preset", "tiny-words", "--data", data, "--out", out, "--images", 32, "--holdout", 0]
    for _ in range(2):
        found = command(*words, "--from", source.written)
        assert found.exit_code == 0, found.output
    (event,) = read_lines(out / "events.jsonl")
    assert event["event"] == "began from" and source.written in event["detail"]
    assert not (out / "text_encoder.safetensors").exists()
    then, now = (load_file(folder / "generator.safetensors") for folder in (source.folder, out))
    apart = max((then[name] - now[name]).abs().max().item() for name in then)
    assert 0 < apart < 0.1  # two steps later; weights drawn anew lie further away


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A finished run of pictures in two classes, which says where it is from, and its data."""
    root = tmp_path_factory.mktemp("plain")
    (root / "data").mkdir()
    data, folder = write_pictures(root / "data"), root / "one"
    with pytest.MonkeyPatch.context() as patch:
        untimed(patch)
        assert command("--preset", "tiny", "--data", data, "--out", folder, "--images", 16).exit_code == 0
    config = load_config(folder)
    (folder / "config.json").write_text(replace(config, license="MIT", source="noise").to_json())
    return folder, data


def test_a_run_that_has_begun_without_is_not_given_other_weights(source, plain, tmp_path, monkeypatch):
    untimed(monkeypatch)
    out = shutil.copytree(plain[0], tmp_path / "out")
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    for more in ((), ("--images", 32)):
        refused(command("--data", plain[1], "--out", out, "--from", plain[0], *more), f"--from {plain[0]}: ")
    assert before == {path: path.read_bytes() for path in out.iterdir() if path.is_file()}

    (tmp_path / "data").mkdir()
    data, words = write_captioned(tmp_path / "data"), tmp_path / "words"
    monkeypatch.setattr(WordMatching, "step", interrupt)
    assert isinstance(command("--preset", "tiny-words", "--data", data, "--out", words).exception, MemoryError)
    refused(command("--data", data, "--out", words, "--from", source.written), f"--from {source.written}: ")


def interrupt(*args):
    raise MemoryError


def test_the_same_command_goes_on_without_the_generator_and_after_a_kill(plain, tmp_path, monkeypatch):
    """In a finished run, in one that becomes longer, and before the first checkpoint; licence and source stay."""
    untimed(monkeypatch)
    monkeypatch.setattr("attngan.training.adversarial.draw_curves", lambda folder: None)
    monkeypatch.setattr("attngan.tasks.image.ImageRun.save_samples", lambda *args: None)
    one, out, whole = shutil.copytree(plain[0], tmp_path / "one"), tmp_path / "out", tmp_path / "whole"
    monkeypatch.chdir(tmp_path)
    words = ("--preset", "tiny", "--data", plain[1], "--images", 16, "--from", one)
    assert command(*words, "--out", whole).exit_code == 0
    for step in ("attngan.train.write_data", "attngan.train.begin_from", "attngan.train.Adversarial.save"):
        with monkeypatch.context() as patch:
            patch.setattr(step, interrupt)
            assert isinstance(command(*words, "--out", out).exception, MemoryError)
        assert (out / "config.json").exists() and not (out / "checkpoint.safetensors").exists()
    assert command(*words, "--out", out).exit_code == 0
    assert same_bits(whole, out)
    assert all((config.license, config.source) == ("MIT", "noise") for config in map(load_config, (whole, out)))
    assert (out / "events.jsonl").read_bytes() == (whole / "events.jsonl").read_bytes()
    shutil.rmtree(one)
    assert command(*words, "--out", out).exit_code == 0
    assert command(*words[:-1], "one", "--out", out, "--images", 32).exit_code == 0
    assert load_config(out).license == "MIT"
    refused(command(*words[:-1], plain[0], "--out", out, "--images", 48), f"--from {plain[0]}: ")


def test_the_option_that_makes_other_networks_is_named(plain, tmp_path):
    words = ("--preset", "tiny", "--data", plain[1], "--out", tmp_path / "out", "--from", plain[0])
    refused(command(*words, "--channels", 1), "use --channels 3")
    refused(command(*words, "--unconditional"), "without --unconditional")
    refused(command(*words, "--channels", 4, "--unconditional"), "use --channels 3, and ")
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_is_refused_before_anything_is_written(source, tmp_path):
    (tmp_path / "data").mkdir()
    data, out = write_pictures(tmp_path / "data"), tmp_path / "out"
    refused(command("--data", data, "--out", out, "--preset", "tiny", "--from", tmp_path / "no"), "no such run folder")
    words = ["--data", data, "--out", out, "--from", source.written, "--preset"]
    refused(command(*words, "tiny"), "use --preset tiny-words")
    refused(command(*words, "tiny-text"), "--from")
    assert not out.exists()

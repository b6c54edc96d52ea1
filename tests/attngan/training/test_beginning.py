"""Runs that begin with the weights of another generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from refusals import refused, refuses
from safetensors.torch import load_file
from tiny_runs import untimed, write_pictures
from tiny_words import captioned, words_config, write_captioned

from attngan.checkpoint import read_tokenizer
from attngan.cli import main
from attngan.generators.source import find_run
from attngan.run_folder import read_lines
from attngan.train import Outcome, build, train
from attngan.training.beginning import begin_from, check_beginning
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


def test_what_does_not_fit_is_refused_before_anything_is_written(source, tmp_path):
    (tmp_path / "data").mkdir()
    data, out = write_pictures(tmp_path / "data"), tmp_path / "out"
    refused(command("--data", data, "--out", out, "--preset", "tiny", "--from", tmp_path / "no"), "no such run folder")
    words = ["--data", data, "--out", out, "--from", source.written, "--preset"]
    refused(command(*words, "tiny"), "use --preset tiny-words")
    refused(command(*words, "tiny-text"), "--from")
    assert not out.exists()

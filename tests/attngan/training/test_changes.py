"""Runs that go on with other settings, other data, or nothing left to do."""

import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import tiny_runs
import torch
from click.testing import CliRunner
from PIL import Image
from refusals import refused, refuses
from safetensors.torch import load_file
from tiny_runs import run, same_bits, write_pictures
from tiny_text import letters, sentences, write_sentences
from tiny_words import captioned, words_config, write_captioned

from attngan.checkpoint import load_about, load_config
from attngan.cli import main
from attngan.data import TextDataset, load_pictures
from attngan.generators import open_generator
from attngan.presets import PRESETS, preset
from attngan.run_folder import read_lines
from attngan.run_split import FILE, recall_split, write_split
from attngan.tasks.text_to_image import resolution_at
from attngan.train import Outcome, train
from attngan.training.adversarial import Adversarial
from attngan.training.changes import MAY_CHANGE, images_done, replan
from attngan.training.likelihood import CHECKPOINT as LIKELIHOOD
from attngan.training.likelihood import Likelihood
from attngan.training.schedule import schedule
from attngan.training.state import CHECKPOINT, machine
from attngan.training.word_matching import WordMatching

CPU = torch.device("cpu")


def call(*words):
    return CliRunner().invoke(main, ["train", *map(str, words)])


def changed(out):
    return [line for line in read_lines(out / "events.jsonl") if line["event"] == "changed"]


def written(out):
    return {path: path.stat().st_mtime_ns for path in [out, *out.rglob("*")]}


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data").mkdir()
    return write_pictures(tmp_path / "data")


@pytest.fixture(scope="module", autouse=True)
def _cheap():
    """KID, drawings and first phases cost next to nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attngan.tasks.image.features", tiny_runs.mean_colours)
        patch.setattr("attngan.tasks.image.measure_into", lambda *args: None)
        patch.setattr("attngan.training.adversarial.draw_curves", lambda folder: None)
        patch.setattr("attngan.tasks.image.ImageRun.save_samples", lambda *args: None)
        short = {"tiny": {}, "tiny-words": {"matching_images": 64}, "tiny-text": {"likelihood_images": 320}}
        for name, changes in short.items():
            network, training = PRESETS[name]
            patch.setitem(PRESETS, name, (network, replace(training, kid_samples=12, **changes)))
        yield


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run of 64 images with twelve held out, and its data."""
    root = tmp_path_factory.mktemp("begun")
    (root / "data").mkdir()
    data = write_pictures(root / "data")
    words = ("--preset", "tiny", "--data", data, "--out", root / "run", "--images", 64, "--holdout", 12)
    assert call(*words, "--augment", 0.5).exit_code == 0
    return root / "run", data


@pytest.fixture
def out(begun, tmp_path):
    return shutil.copytree(begun[0], tmp_path / "run")


def test_a_run_goes_on_with_its_own_settings_and_those_that_are_typed(begun, out):
    typed = ("--images", 128, "--batch", 8, "--gamma", "2,0.5", "--learning-rate", "1e-3", "--precision", "bf16")
    result = call("--data", begun[1], "--out", out, *typed, "--patience", 99)
    assert result.exit_code == 0, result.output
    then, now = load_config(begun[0]), load_config(out)
    expected = {
        "images": 128, "batch": 8, "gamma": (2.0, 0.5), "learning_rate": (1e-3, 1e-3), "precision": "bf16",
        "patience": 99,
    }  # fmt: skip
    assert now == replace(then, training=replace(then.training, **expected)) and set(expected) == set(MAY_CHANGE)
    assert images_done(out) == 128
    (event,) = changed(out)
    assert event["images"] == 64 and event["time"].startswith("20")
    for words in ("images: 64 → 128", "batch: 16 → 8", "gamma: (1.0, 0.1) → (2.0, 0.5)", "not the bits"):
        assert words in event["detail"] and words in result.output
    steps = load_about(out / CHECKPOINT)["steps"]
    assert steps == 64 // 16 + 64 // 8
    assert load_about(out / CHECKPOINT)["progress"]["images"] == 128


def test_metrics_go_on_after_another_batch(begun, out):
    """16 to 24: the images seen are never again a multiple of a batch times the steps between two lines."""
    assert call("--data", begun[1], "--out", out, "--images", 256, "--batch", 24).exit_code == 0
    lines = read_lines(out / "metrics.jsonl")
    new = [line for line in lines if line["images"] > 64]
    assert [line["images"] for line in new] == [64 + 24, 64 + 5 * 24]
    assert all("penalty" in line for line in lines)


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(begun):
    result = call("--preset", "tiny", "--data", begun[1], "--out", "/proc/run", "--images", 64)
    assert result.exit_code == 2 and result.stderr.splitlines()[-1].startswith("error: --out /proc/run: ")


def test_a_finished_run_that_is_started_again_writes_nothing(begun, out):
    before = written(out)
    for more in ((), ("--batch", 8), ("--preset", "tiny", "--tensorboard"), ("--threads", 1)):
        result = call("--data", begun[1], "--out", out, *more)
        assert result.exit_code == 0, result.output
        assert "finished before" in result.output and "--images N" in result.output
        assert written(out) == before


def test_a_finished_run_of_before_a_setting_was_there_is_left_as_it_is(begun, out):
    config = json.loads((out / "config.json").read_text())
    del config["training"]["holdout_asked"]
    (out / "config.json").write_text(json.dumps(config))
    before = written(out)
    assert "nothing was written" in call("--data", begun[1], "--out", out).output and written(out) == before


def test_a_dry_run_of_a_finished_run_says_that_it_has_finished(begun, out):
    for more in ((), ("--batch", 8)):
        result = call("--data", begun[1], "--out", out, "--dry-run", *more)
        assert result.exit_code == 0 and "finished" in result.output and "--images N" in result.output, result.output
        assert "would go on" not in result.output and "speed" not in result.output
    assert (
        "would go on with training.images" in call("--data", begun[1], "--out", out, "--dry-run", "--images", 80).output
    )


@pytest.mark.parametrize(("options", "words"), [
    (("--preset", "image-32"), "is a run of preset tiny, not image-32"),
    (("--seed", 7), "training.seed: 0 → 7"),
    (("--unconditional",), "--unconditional: "),
    (("--augment", "none"), "training.augment"),
    (("--channels", 1), "network.channels: 3 → 1"),
    (("--objective", "hinge"), "training.objective"),
    (("--holdout", 5), "training.holdout: 12 → 5"),
    (("--images", 64 - 16), "64 have been shown already"),
    (("--gamma", "1,2,3"), "--gamma 1,2,3"),
    (("--gamma", "nan"), "--gamma nan"),
    (("--learning-rate", "0"), "--learning-rate 0"),
])  # fmt: skip
def test_what_may_not_change_gets_one_line_and_nothing_is_written(begun, out, options, words):
    before = written(out)
    refused(call("--data", begun[1], "--out", out, *options), words)
    assert written(out) == before


def test_a_new_run_needs_a_preset(data, tmp_path):
    refused(call("--data", data, "--out", tmp_path / "new"), "--preset")
    assert not (tmp_path / "new").exists()


def test_a_penalty_that_is_not_there_has_no_weight(tmp_path):
    lines = write_sentences(tmp_path / "lines.txt")
    refused(call("--preset", "tiny-text", "--data", lines, "--out", tmp_path / "run", "--gamma", 1), "--gamma 1")


def test_new_runs_take_the_numbers_too(data, tmp_path):
    words = ("--batch", 4, "--gamma", 3, "--learning-rate", "1e-3,1e-4", "--images", 8)
    assert call("--preset", "tiny", "--data", data, "--out", tmp_path / "run", *words).exit_code == 0
    plan = load_config(tmp_path / "run").training
    assert (plan.batch, plan.gamma, plan.learning_rate, plan.seed) == (4, (3.0, 3.0), (1e-3, 1e-4), 0)


# Data


def renamed(folder, to):
    """The same pictures under names that sort the other way."""
    for index, path in enumerate(sorted(folder.rglob("*.png"))):
        target = to / path.parent.name / f"{999 - index}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return to


def pixels(pictures, places):
    return {pictures.images[place].tobytes() for place in places}


def test_renamed_pictures_are_the_same_data_and_end_in_the_same_bits(begun, tmp_path):
    there = load_pictures(renamed(begun[1], tmp_path / "moved"), resolution=16, channels=3)
    pictures = load_pictures(begun[1], resolution=16, channels=3)
    assert there.fingerprint != pictures.fingerprint and there.content == pictures.content
    config = tiny_runs.measured_config(pictures, images=32, kid_samples=12)
    run(config, pictures, tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    longer = replace(config, training=replace(config.training, images=64))
    run(longer, pictures, tmp_path / "one")
    run(longer, there, tmp_path / "other")
    assert same_bits(tmp_path / "one", tmp_path / "other")
    assert "data:" not in changed(tmp_path / "other")[0]["detail"]


def test_a_picture_that_moves_to_another_class_is_other_data(begun, out, tmp_path):
    moved = shutil.copytree(begun[1], tmp_path / "moved")
    (moved / "round" / "01.png").rename(moved / "square" / "01.png")
    assert call("--data", moved, "--out", out, "--images", 80).exit_code == 0
    assert "data: 48 pictures (other ones, or others said of them)" in changed(out)[0]["detail"]


def more_pictures(data, to, count, name):
    shutil.copytree(data, to)
    (to / name).mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    for index in range(count):  # names that sort before all others
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), np.uint8)).save(to / name / f"+{index:02}.png")
    return to


def test_pictures_join_and_go_and_what_was_held_out_stays_so(begun, out, tmp_path):
    before = load_pictures(begun[1], resolution=16, channels=3)
    shown, hidden = (pixels(before, places) for places in before.split(12, 0))
    data = more_pictures(begun[1], tmp_path / "more", 20, "round")
    (data / "square" / "00.png").unlink()
    assert "best" in load_about(out / "generator.safetensors")
    result = call("--data", data, "--out", out, "--images", 80)
    assert result.exit_code == 0, result.output
    assert "48 → 67 pictures (20 new, 1 gone)" in result.output and "; 17 held out" in result.output
    after = load_pictures(data, resolution=16, channels=3)
    split = recall_split(out, after, 0)
    assert not pixels(after, split.training) & hidden and not pixels(after, split.held_out) & shown
    assert len(pixels(after, split.held_out) - hidden) == 5  # a quarter of the new ones, as of the first ones
    assert sorted([*split.training, *split.held_out]) == list(range(67))
    assert load_config(out).training.holdout == len(split.held_out) == 17
    facts = json.loads((out / "data.json").read_text())
    assert (facts["pictures"], facts["held_out"], facts["fingerprint"]) == (67, 17, after.fingerprint)
    there = load_pictures(renamed(data, tmp_path / "there"), resolution=16, channels=3)
    halves = open_generator(str(out)).split_dataset(there)
    assert [len(half) for half in halves] == [50, 17]
    assert pixels(halves[1], range(17)) == pixels(after, split.held_out)
    best = load_about(out / "generator.safetensors")["best"]
    assert best["images"] > 64  # those of before were measured on others
    assert "data:" not in call("--data", data, "--out", out, "--images", 96).stderr  # which it has by now


def test_pictures_that_go_and_come_back_are_held_out_again(begun, out, tmp_path):
    before = load_pictures(begun[1], resolution=16, channels=3)
    shown, hidden = (pixels(before, places) for places in before.split(12, 0))
    fewer = shutil.copytree(begun[1], tmp_path / "fewer")
    for place in before.split(12, 0)[1][:6]:
        sorted(fewer.rglob("*.png"))[place].write_bytes(b"")
    assert call("--data", fewer, "--out", out, "--images", 80).exit_code == 0
    assert load_config(out).training.holdout == 6
    result = call("--data", begun[1], "--out", out, "--images", 96)
    assert result.exit_code == 0 and "42 → 48 pictures (6 back)" in result.output, result.output
    split = recall_split(out, before, 0)
    assert (pixels(before, split.training), pixels(before, split.held_out)) == (shown, hidden)


def test_the_number_to_hold_out_may_be_typed_again_after_data_joined(begun, out, tmp_path):
    data = more_pictures(begun[1], tmp_path / "more", 20, "round")
    for images in (80, 96):
        result = call("--data", data, "--out", out, "--images", images, "--holdout", 12)
        assert result.exit_code == 0 and "; 17 held out" in result.output, result.output
    refused(call("--data", data, "--out", out, "--images", 112, "--holdout", 5), "training.holdout: 17 → 5")


def test_a_number_to_hold_out_of_which_whole_concepts_are_fewer_may_be_typed_again(tmp_path):
    (tmp_path / "data").mkdir()
    data, out = write_captioned(tmp_path / "data"), tmp_path / "run"
    words = ("--data", data, "--out", out, "--holdout", 10, "--images")
    assert call("--preset", "tiny-words", *words, 32).exit_code == 0
    plan = load_config(out).training
    assert (plan.holdout, plan.holdout_asked) == (9, 10)
    lines = (data / "captions.jsonl").read_text().splitlines()
    for number in range(4):  # concepts of one picture each
        Image.new("RGBA", (16, 16), (9 * number, 99, 0, 255)).save(data / f"{number}.png")
        lines.append(
            json.dumps(
                {"file_name": f"{number}.png", "captions": ["a leaf"], "style": "flat", "concept": f"leaf {number}"}
            )
        )
    (data / "captions.jsonl").write_text("\n".join(lines))
    for images in (48, 64):
        result = call(*words, images)
        assert result.exit_code == 0 and "; 10 held out" in result.output, result.output


def test_what_compares_a_run_with_data_that_have_grown_knows_those_that_it_saw(begun, tmp_path):
    before = load_pictures(begun[1], resolution=16, channels=3)
    data = more_pictures(begun[1], tmp_path / "more", 20, "round")
    after = load_pictures(data, resolution=16, channels=3)
    generator = open_generator(str(begun[0]))
    assert generator.trained_on(after)
    halves = [pixels(half, range(len(half))) for half in generator.split_dataset(after)]
    assert halves == [pixels(before, places) for places in before.split(12, 0)]
    assert generator.split_dataset(replace(before, images=255 - before.images)) is None


def test_other_pictures_altogether_are_split_anew(begun, tmp_path):
    before = load_pictures(begun[1], resolution=16, channels=3)
    write_split(tmp_path, before, 12, 0)
    split = recall_split(tmp_path, replace(before, images=255 - before.images), 0)
    assert (len(split.held_out), split.added, split.gone) == (12, 48, 48)
    alone = before.take(before.split(12, 0)[1])
    with refuses("--data: holds out"):
        recall_split(tmp_path, alone, 0)


def test_a_copy_goes_where_the_first_one_is_and_a_picture_where_its_concept_is(tmp_path):
    lines = TextDataset([f"sentence {number}" for number in range(20)])
    write_split(tmp_path, lines, 4, 0)
    twice = TextDataset([*reversed(lines.sentences), *lines.sentences])
    split = recall_split(tmp_path, twice, 0)
    assert len(split.held_out) == 8 and len({twice.sentences[place] for place in split.held_out}) == 4
    pictures = captioned()
    write_split(tmp_path, pictures, 9, 0)
    hidden = {pictures.captions.concepts[place] for place in pictures.split(9, 0)[1]}
    images = np.concatenate([pictures.images, 255 - pictures.images])
    both = np.tile(np.arange(48), 2)
    more = replace(pictures.take(both), images=images)
    split = recall_split(tmp_path, more, 0)
    assert {more.captions.concepts[place] for place in split.held_out} == hidden and len(split.held_out) == 18


def test_a_class_joins_with_a_row_that_is_the_mean_of_the_others(begun, out, tmp_path, monkeypatch):
    data = more_pictures(begun[1], tmp_path / "more", 8, "kite")  # between nothing and round: all numbers move
    then = {name: load_file(out / name) for name in (CHECKPOINT, "generator.safetensors")}
    seen, original = [], Adversarial.__init__

    def begin(self, run, state, *more):
        seen.append({name: value.clone() for name, value in state._tensors().items()})
        original(self, run, state, *more)

    monkeypatch.setattr(Adversarial, "__init__", begin)
    result = call("--data", data, "--out", out, "--images", 96)
    assert result.exit_code == 0, result.output
    assert "('round', 'square') → ('kite', 'round', 'square')" in changed(out)[0]["detail"]
    for name in ("generator.embedding.weight", "discriminator.embedding.weight", "ema.embedding.weight",
                 "adam.discriminator.embedding.weight.exp_avg_sq"):  # fmt: skip
        old = then[CHECKPOINT][name]
        assert torch.equal(seen[0][name], torch.stack([old.mean(0), *old]))
    config = load_config(out)
    assert config.class_names == ("kite", "round", "square") and config.network.classes == 3
    assert load_file(out / "generator.safetensors")["embedding.weight"].shape[0] == 3
    assert call("--data", data, "--out", out, "--images", 112).exit_code == 0
    refused(call("--data", begun[1], "--out", out, "--images", 128), "lacks classes that")


def test_classes_of_other_numbers_keep_their_rows_though_the_data_are_the_same(begun, out, tmp_path, monkeypatch):
    """And once alone, where a kill comes before config.json, or two changes follow each other."""
    pictures = load_pictures(begun[1], resolution=16, channels=3)
    turned = replace(pictures, classes=1 - pictures.classes, class_names=pictures.class_names[::-1])
    assert pictures.content == turned.content
    then, best = load_file(out / CHECKPOINT), load_about(out / "generator.safetensors")["best"]
    config = load_config(out)
    longer = replace(config, training=replace(config.training, images=80))
    monkeypatch.setattr("attngan.train._train", kill)
    names = "discriminator.embedding.weight", "ema.embedding.weight", "adam.generator.embedding.weight.exp_avg"
    for change, data in ((0, turned), (1, pictures)):
        asked = replace(longer, class_names=tuple(data.class_names))
        with monkeypatch.context() as patch:
            patch.setattr("attngan.train.write_what_it_is", kill)
            with pytest.raises(MemoryError):
                run(asked, data, out)
        with pytest.raises(MemoryError):
            run(asked, data, out)
        now = load_file(out / CHECKPOINT)
        for name in names:
            assert torch.equal(now[name], then[name] if change else then[name].flip(0))
            assert not torch.equal(then[name], then[name].flip(0))
    assert load_about(out / "generator.safetensors")["best"] == best  # of the same pictures


def test_a_kill_while_changes_are_taken_up_is_made_up_for(begun, out, tmp_path, monkeypatch):
    """After each of the writes before config.json, which comes last."""
    data = more_pictures(begun[1], tmp_path / "more", 8, "kite")
    whole = shutil.copytree(out, tmp_path / "whole")
    words = ("--data", data, "--images", 80, "--out")
    assert call(*words, whole).exit_code == 0
    steps = (
        "training.run_logger.RunLogger.change", "training.run_logger.RunLogger.save_data",
        "training.taking_up.write_split", "train.write_what_it_is",
    )  # fmt: skip
    for step in steps:
        part = shutil.copytree(out, tmp_path / step)
        with monkeypatch.context() as patch:
            patch.setattr(f"attngan.{step}", kill)
            assert isinstance(call(*words, part).exception, MemoryError)
        assert load_config(part).network.classes == 2
        assert call(*words, part).exit_code == 0
        assert same_bits(whole, part) and "('kite'" in changed(part)[0]["detail"]
        for name in ("data.json", "config.json", FILE):
            assert (part / name).read_bytes() == (whole / name).read_bytes()


def kill(*args):
    raise MemoryError


def test_classes_stay_none_where_a_run_began_without(data, tmp_path):
    words = ("--data", data, "--out", tmp_path / "run")
    assert call("--preset", "tiny", *words, "--unconditional", "--images", 16).exit_code == 0
    assert call(*words, "--images", 32).exit_code == 0
    assert load_config(tmp_path / "run").network.classes == 0


def test_a_run_of_an_older_attngan_keeps_its_split_from_now_on(begun, out, tmp_path):
    (out / FILE).unlink()
    data = more_pictures(begun[1], tmp_path / "more", 4, "round")
    refused(call("--data", data, "--out", out, "--images", 96), f"--from {out}")
    assert not (out / FILE).exists()
    assert call("--data", begun[1], "--out", out, "--images", 80).exit_code == 0
    assert call("--data", data, "--out", out, "--images", 96).exit_code == 0


def test_another_machine_is_recorded(begun, out, monkeypatch):
    here = machine()
    monkeypatch.setattr("attngan.training.recovery.machine", lambda: here | {"cpu": "another"})
    assert call("--data", begun[1], "--out", out, "--images", 80).exit_code == 0
    assert f"cpu {here['cpu']} → another" in changed(out)[1]["detail"] and changed(out)[1]["images"] == 64


# Plans


def test_what_has_happened_stays_where_it_was_when_a_run_becomes_longer():
    plan = replace(
        preset("tiny-words")[1], images=300, grow=(0.1, 0.5, 0.9), warm_up=0.2, perceptual=1.0, adversarial_from=0.3
    )
    longer = replan(plan, 7_000, 150)
    assert [share * 7_000 for share in longer.grow] == pytest.approx([30, 150, 6_300])
    assert longer.grow[1] * 7_000 <= 150  # at which it doubled
    assert (longer.warm_up * 7_000, longer.adversarial_from * 7_000) == pytest.approx((60, 90))
    assert longer.adversarial_weight(150) == plan.adversarial_weight(150) > 0
    assert schedule(longer, 150).generator_rate == schedule(plan, 150).generator_rate
    assert replan(plan, 300, 150) is plan and replan(plan, 200, 150).grow == plan.grow
    early = replan(plan, 600, 15)
    assert early.grow == plan.grow and early.warm_up == plan.warm_up
    with refuses("--images 150: shown already"):
        replan(plan, 150, 150)


def test_pictures_from_words_go_on_at_the_resolution_that_they_had(tmp_path):
    (tmp_path / "data").mkdir()
    data, out = write_captioned(tmp_path / "data"), tmp_path / "run"
    words = ("--data", data, "--out", out, "--images")
    assert call("--preset", "tiny-words", *words, 64).exit_code == 0
    (data / "captions.jsonl").write_text((data / "captions.jsonl").read_text().replace("red", "crimson"))
    result = call(*words, 160)
    assert result.exit_code == 0, result.output
    assert "1 word of --data not known" in result.output
    config = load_config(out)
    assert [resolution_at(config, seen) for seen in (31, 32, 64, 80)] == [8, 16, 16, 16]
    assert config.training.grow == (0.2,)
    assert images_done(out) == 160


def short_words(pictures, images):
    config, tokenizer = words_config(pictures, images)
    plan = replace(config.training, matching_images=64, grow=(0.5,) if images == 32 else (0.25,))
    return replace(config, training=plan), tokenizer


@pytest.mark.parametrize("early", [False, True])
def test_a_style_joins(tmp_path, early, monkeypatch):
    """early: while words are learnt."""
    pictures, out = captioned(), tmp_path / "run"
    config, tokenizer = short_words(pictures, 32)
    if early:
        with monkeypatch.context() as patch:
            step = WordMatching.step
            patch.setattr(WordMatching, "step", lambda *args: os.kill(os.getpid(), signal.SIGTERM) or step(*args))
            assert train(config, pictures, out, CPU, tokenizer=tokenizer) == Outcome.TERMINATED
    else:
        assert train(config, pictures, out, CPU, tokenizer=tokenizer) == Outcome.FINISHED
    more = replace(
        pictures, styles=np.where(np.arange(48) < 8, 3, pictures.styles), style_names=[*pictures.style_names, "wild"]
    )
    config, tokenizer = short_words(more, 64)
    if early:
        config = replace(config, training=replace(config.training, grow=(0.5,)))
    assert train(config, more, out, CPU, tokenizer=tokenizer) == Outcome.FINISHED
    for name in ("style.weight", "style.weight.exp_avg_sq"):
        name = f"adam.generator.{name}" if "exp" in name else f"generator.{name}"
        assert len(load_file(out / CHECKPOINT)[name]) == 4
    assert load_config(out).style_names[3] == "wild" and changed(out)[0]["images"] == (0 if early else 32)


def test_sentences_go_on_with_more_and_other_ones(tmp_path, monkeypatch):
    monkeypatch.setattr("attngan.tasks.text.embeddings", letters)
    lines, out = write_sentences(tmp_path / "lines.txt"), tmp_path / "run"
    assert call("--preset", "tiny-text", "--data", lines, "--out", out, "--images", 32).exit_code == 0
    likelihood = (out / "likelihood.safetensors").read_bytes()
    lines.write_text(lines.read_text() + "A purple dog sleeps.\n" * 3)
    result = call("--data", lines, "--out", out, "--images", 64, "--batch", 8)
    assert result.exit_code == 0, result.output
    assert "300 → 303 sentences (3 new)" in result.output and "1 word of --data not known" in result.output
    assert (out / "likelihood.safetensors").read_bytes() == likelihood and images_done(out) == 64
    plan = load_config(out).training
    assert plan.warm_up == pytest.approx(preset("tiny-text")[1].warm_up / 2)  # of twice as many: it was over
    before = written(out)
    assert "nothing was written" in call("--data", lines, "--out", out).output and written(out) == before


def test_words_of_held_out_sentences_are_no_news(tmp_path, monkeypatch):
    """Each sentence has a word of its own, twice, which the run knows if it was trained on that."""
    monkeypatch.setattr("attngan.tasks.text.embeddings", letters)
    lines, out = write_sentences(tmp_path / "lines.txt"), tmp_path / "run"
    own = [f"word{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(300)]
    there = zip(lines.read_text().splitlines(), own, strict=True)
    lines.write_text("".join(f"{text} {word} {word}\n" for text, word in there))
    words = ("--data", lines, "--out", out, "--images")
    assert call("--preset", "tiny-text", *words, 32).exit_code == 0
    lines.write_text(lines.read_text() + "".join(f"Purple {text}\n" for text in sentences()[:20]))
    for images in (48, 64):
        result = call(*words, images)
        assert result.exit_code == 0 and "1 word of --data not known" in result.output, result.output


def test_a_run_of_sentences_goes_on_with_its_column_wherever_the_table_is(tmp_path, monkeypatch):
    monkeypatch.setattr("attngan.tasks.text.embeddings", letters)
    path, out = tmp_path / "two.csv", tmp_path / "run"
    rows = [f"{number} of another kind,{text}" for number, text in enumerate(sentences())]
    path.write_text("\n".join(["text,said", *rows]))
    words = ("--out", out, "--images", 32, "--data")
    assert call("--preset", "tiny-text", *words, path, "--column", "said").exit_code == 0
    monkeypatch.chdir(tmp_path)
    before = written(out)
    for there in (path, "two.csv", tmp_path / "run" / ".." / "two.csv"):
        result = call("--out", out, "--data", there)
        assert result.exit_code == 0 and "300 sentences of column said" in result.output, result.output
    (tmp_path / "other.csv").write_text(path.read_text().replace("text,said", "text,spoken"))
    refused(call("--out", out, "--images", 64, "--data", "other.csv"), "other.csv: none of its columns is called said")
    assert written(out) == before
    assert call("--out", out, "--images", 64, "--data", "other.csv", "--column", "spoken").exit_code == 0
    more = write_sentences(tmp_path / "lines.txt")
    more.write_text(more.read_text() + "A purple dog sleeps.\n")
    result = call("--out", out, "--images", 96, "--data", more)
    assert result.exit_code == 0 and "data: 301 sentences;" in result.output, result.output


def test_the_best_likelihood_is_of_the_sentences_that_are_held_out_now(tmp_path, monkeypatch):
    monkeypatch.setattr("attngan.tasks.text.embeddings", letters)
    lines, out = write_sentences(tmp_path / "lines.txt"), tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(
            Likelihood, "measure", lambda self, stop: (self.judge(1e-9), os.kill(os.getpid(), signal.SIGTERM))
        )
        assert call("--preset", "tiny-text", "--data", lines, "--out", out, "--images", 32).exit_code == 0
    assert load_about(out / LIKELIHOOD)["best_nll"] == "1e-09"
    lines.write_text(lines.read_text() + "A dog sleeps.\n")
    monkeypatch.setattr("attngan.train._train", kill)
    assert isinstance(call("--data", lines, "--out", out).exception, MemoryError)
    about = load_about(out / LIKELIHOOD)
    assert (about["best_nll"], about["worse"]) == ("inf", "0") and about["images"] != "0"


def test_an_early_stop_is_overruled_and_stays_so(begun, out, monkeypatch):
    rising = iter(np.arange(1.0, 99.0))
    monkeypatch.setattr("attngan.tasks.image.ImageValidation.distance", lambda *_: (next(rising), 0.1))
    words = ("--data", begun[1], "--out", out, "--images", 160)
    result = call(*words, "--patience", 2)
    assert result.exit_code == 0 and "--patience 0" in result.output
    assert 64 < images_done(out) < 160
    before = written(out)
    assert "--patience 0" in call(*words).output and written(out) == before
    assert call(*words, "--patience", 0).exit_code == 0
    assert images_done(out) == 160
    assert load_config(out).training.patience == 0
    assert call("--data", begun[1], "--out", out, "--images", 176).exit_code == 0 and images_done(out) == 176

"""`attngan evaluate` of runs that write: which sentences it measures by, columns side by side, and mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from refusals import refused
from tiny_text import letters, run_text, sentences, untrained, write_sentences

import attngan_runtime
from attngan.cli import main
from attngan.data import TextDataset, load_lines, text_file
from attngan.evaluation import sentences as evaluation
from attngan.evaluation import text
from attngan.evaluation.text import evaluate_writers
from attngan.generators import find_source, open_generator
from attngan.tasks.text import TextRun
from attngan.train import Outcome, train

BUNDLE = Path(attngan_runtime.__file__).parent / "bundles" / "captions"
FREE, ASKED = evaluation.FREE, evaluation.ASKED


@pytest.fixture(scope="module", autouse=True)
def cheap():
    """Embeddings that cost nothing, and runs without pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attngan.evaluation.yardstick.embeddings", letters)
        patch.setattr(evaluation, "load_minilm", lambda: None)
        patch.setattr(TextRun, "open_validation", lambda _: (None, ""))  # the last is kept
        patch.setattr(TextRun, "save_samples", lambda *_: None)
        patch.setattr("attngan.training.adversarial.draw_curves", lambda _: None)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """lines.txt, a run `tiny` of it that knows where it was, and 40 sentences that it never saw in other.txt."""
    folder = tmp_path_factory.mktemp("texts")
    data = write_sentences(folder / "lines.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tiny_text.train", lambda *args, **options: train(*args, **options, source=str(data)))
        assert run_text(TextDataset(sentences()), folder / "tiny", images=32, likelihood_images=320) == Outcome.FINISHED
    unseen = [sentence.replace(" a ", " every ").replace("A ", "The ") for sentence in sentences()[::7]]
    (folder / "other.txt").write_text("\n".join(unseen[:40]))
    return folder


def call(folder, *arguments, run="tiny", data="other.txt"):
    return CliRunner().invoke(main, ["evaluate", str(folder / run), "--data", str(folder / data), *map(str, arguments)])


def opened(*names):
    return [open_generator(str(name)) for name in names]


def report(out, *arguments, **named):
    result = call(*arguments, "--out", out, **named)
    assert result.exit_code == 0, result.output
    return result, json.loads(out.read_text())


def test_a_run_stands_beside_what_likelihood_gave(folder, tmp_path):
    beside = ("--beside", folder / "tiny" / "likelihood.safetensors")
    result, found = report(tmp_path / "figures.json", folder, *beside, "--temperature", 0.7)
    assert "note: " not in result.stderr
    heads = [
        line for line in result.stdout.splitlines() if "real sentences" in line and line.startswith(("from", "wit"))
    ]
    assert len(heads) == 2 and all("tiny" in head and "tiny-likelihood" in head for head in heads)
    assert "Temperature 0.7. BLEU: against 20 test sentences; distances: from 20 of them," in result.stdout
    assert (found["samples"], found["references"], found["temperature"]) == (20, 20, 0.7)
    assert list(found["scores"][FREE]) == ["tiny", "tiny-likelihood", "real sentences", "training text"]
    assert list(found["scores"][ASKED]) == ["tiny", "tiny-likelihood", "real sentences"]
    tiny, baseline = (found["scores"][ASKED][name] for name in ("tiny", "tiny-likelihood"))
    assert 0 < tiny["nll"] < 10 and tiny["nll"] != baseline["nll"]
    assert 0 <= tiny["coverage"]["words"]["value"] <= 1 and tiny["memorised"]["n"] == 20
    assert found["scores"][ASKED]["real sentences"]["coverage"]["words"]["value"] == 1
    alone, hotter = (report(tmp_path / "figures.json", folder, *options)[1] for options in ((), ("--temperature", 3)))
    assert (alone["temperature"], hotter["temperature"]) == (1, 3)
    one, other = (each["scores"][FREE]["tiny"] for each in (alone, hotter))
    assert one["nll"] == other["nll"] and one["distinct"] != other["distinct"]


def test_of_its_own_sentences_the_held_out_ones_are_taken(folder, tmp_path):
    data = folder / "lines.txt"
    result, found = report(tmp_path / "figures.json", folder, data="lines.txt")
    assert result.stderr.splitlines() == [
        f"note: {folder / 'tiny'} was trained on {data}; its 30 held-out sentences are the test sentences"
    ]
    assert (found["samples"], found["references"]) == (15, 15)
    assert found["scores"][FREE]["real sentences"]["memorised"]["value"] == 0
    assert found["scores"][FREE]["training text"]["memorised"]["value"] == 1
    config = json.loads((folder / "tiny" / "config.json").read_text())["training"]
    held = [sentences()[place] for place in TextDataset(sentences()).split(30, config["seed"])[1]]
    (tmp_path / "held.txt").write_text("\n".join(held))
    same = report(tmp_path / "again.json", folder, data=tmp_path / "held.txt")[1]
    assert same == found


def test_generators_of_one_name_are_told_apart_by_their_place(folder, tmp_path):
    found = report(tmp_path / "figures.json", folder, "--beside", folder / "tiny")[1]["scores"][FREE]
    assert list(found)[:2] == ["tiny (1)", "tiny (2)"] and found["tiny (1)"] == found["tiny (2)"]


def test_runs_that_held_out_others_are_not_compared(folder, tmp_path):
    assert run_text(TextDataset(sentences()), tmp_path / "run", 16, seed=1, likelihood_images=32, holdout=9)
    result = call(folder, "--beside", tmp_path / "run", data="lines.txt")
    assert result.exit_code == 2
    assert f"--beside {tmp_path / 'run'}: did not hold out the sentences of --data that" in result.output


def test_without_the_text_it_learnt_from_nothing_is_called_memorised(folder, tmp_path):
    data = folder / "lines.txt"
    data.rename(folder / "moved.txt")
    try:
        found = report(tmp_path / "figures.json", folder)[1]["scores"][FREE]
    finally:
        (folder / "moved.txt").rename(data)
    assert list(found) == ["tiny", "real sentences"] and found["tiny"]["memorised"] is None


def test_a_sentence_is_split_once(folder, monkeypatch):
    split, seen = text_file.split_sentence, []
    monkeypatch.setattr(text_file, "split_sentence", lambda sentence: (seen.append(sentence), split(sentence))[1])
    writers = opened(folder / "tiny", folder / "tiny" / "likelihood.safetensors")
    evaluate_writers(writers, folder / "lines.txt", 15, 1.0)
    assert seen[:300] == sentences() and len(seen) == 300 + 4 * 15  # those written of both kinds by both of them


@pytest.fixture
def compared(monkeypatch):
    """(Test sentences, training text) that would be compared, in place of comparing them."""
    found = []

    def noted(_, test, training, **others):
        found.append((test.sentences, training and training.sentences))

    monkeypatch.setattr(text, "evaluate_sentences", noted)
    return found


def halves(lines):
    """The sentences that training is shown, and those held out."""
    return [lines.take(places).sentences for places in lines.split(30, 0)]


def test_the_column_that_a_run_was_trained_on_is_read_again(tmp_path, compared):
    path = tmp_path / "lines.csv"
    path.write_text("text,said\n" + "".join(f"same,{sentence}\n" for sentence in sentences()))
    lines = load_lines(path, column="said")
    run = untrained(tmp_path / "run", lines, path)
    about = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps(about | lines.about))
    evaluate_writers(opened(run), path, None, 1.0)
    shown, held_out = halves(lines)
    assert compared == [(held_out, shown)]


def test_lines_that_its_training_skipped_move_no_other(folder, tmp_path, compared):
    """Too long for it, no text, or empty, before all others: training held out places that don't count these."""
    mixed = tmp_path / "mixed.txt"
    mixed.write_bytes(b"long " * 30 + b"\n\x07\n\n" + (folder / "lines.txt").read_bytes() + b"long " * 40)
    lines = load_lines(mixed, longest=23)
    assert lines.sentences == sentences() and len(load_lines(mixed)) == 302
    evaluate_writers(opened(untrained(tmp_path / "run", lines, mixed)), mixed, None, 1.0)
    shown, held_out = halves(lines)
    assert compared == [(held_out, shown)]


def test_text_that_has_changed_since_it_was_learnt_is_not_taken_for_it(folder, tmp_path, compared):
    for name, source in (("gone", tmp_path / "gone.txt"), ("changed", folder / "other.txt"), ("folder", tmp_path)):
        run = untrained(tmp_path / name, TextDataset(sentences()), source)
        evaluate_writers(opened(run), folder / "other.txt", None, 1.0)
    assert [training for _, training in compared] == [None] * 3


def test_a_bundle_writes_for_figures_what_it_was_made_of_does(folder, recwarn):
    assert [find_source(name).task for name in (str(BUNDLE), "captions", "fashion-32")] == ["text", "text", "image"]
    bundle, run = opened(BUNDLE, "captions")
    for keywords, temperature in ((None, 1.0), ([["dog", "beach"], [], ["xyzzy", "cat"], ["cat"]] * 2, 0.7)):
        written = [writer.write(np.arange(8), keywords, temperature) for writer in (bundle, run)]
        # Of 2,000 words the number drawn may be as near to the next as rounding goes (near_ties).
        assert sum(one != other for one, other in zip(*written, strict=True)) <= 1
    assert not [warning for warning in recwarn if warning.category is UserWarning]  # one of each test sentence
    scores = evaluate_writers([bundle, run], folder / "other.txt", 10, 0.8).as_dict()["scores"]
    for columns in scores.values():
        assert list(columns)[:2] == ["captions (1)", "captions (2)"]
        one, same, _ = columns.values()
        assert one["nll"] is None and same["nll"] > 0  # a bundle tells no likelihood of a given sentence
        assert one["length"]["value"] == pytest.approx(same["length"]["value"], abs=1)


def test_beside_a_bundle_a_run_says_what_was_held_out(folder, compared):
    for names in ([BUNDLE, folder / "tiny"], [BUNDLE]):
        evaluate_writers(opened(*names), folder / "lines.txt", None, 1.0)
    shown, held_out = halves(TextDataset(sentences()))
    assert compared == [(held_out, shown), (sentences(), None)]


def test_few_held_out_sentences_are_said_to_be_few(folder, tmp_path):
    untrained(folder / "few", TextDataset(sentences()), holdout=19)
    result = call(folder, run="few", data="lines.txt")
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith(
        f"error: --data {folder / 'lines.txt'}: 19 sentences to measure by"
    )


def test_likelihood_is_of_what_a_generator_can_write(folder):
    """The sum over tokens, the end among them; of a sentence that is too long over the first ones."""
    (writer,) = opened(folder / "tiny")
    texts, words = ["a dog sleeps.", "dog " * 30], [[], ["dog"]]
    both = writer.nll(texts, words)
    parts = [writer.nll([text], [words[place]]) for place, text in enumerate(texts)]
    assert [count for _, count in parts] == [5, 24] and both[1] == 29
    assert both[0] == pytest.approx(sum(total for total, _ in parts), rel=1e-5)
    assert writer.nll(texts[:1], words[1:])[0] != pytest.approx(parts[0][0], rel=1e-3)


def test_pictures_and_sentences_do_not_stand_beside_one_another(folder):
    run, data = folder / "tiny", folder / "other.txt"
    for arguments, message in (
        ((run, "--beside", "fashion-32"), "fashion-32: draws pictures"),
        (("fashion-32", "--beside", run), "fashion-32 draws without words"),
        (("fashion-32", "--beside", "a", "--beside", "b"), "--beside b: one generator stands beside"),
        (("fashion-32", "--temperature", "1"), "--temperature 1: fashion-32 draws pictures"),
    ):
        result = CliRunner().invoke(main, ["evaluate", *map(str, arguments), "--data", str(data)])
        refused(result, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "{tmp}/nothing.txt"), "nothing.txt: no such file"),
        (("--data", "{tmp}/folder"), "folder: is a folder"),
        (("--data", "{tmp}/one.txt"), "one.txt: 1 different sentences"),
        (("--data", "{tmp}/empty.txt"), "empty.txt: 0 different sentences"),
        (("--data", "{tmp}/binary.txt"), "binary.txt line 1: byte 0xff is not UTF-8"),
        (("--samples", 9), "9 is not in the range x>=10"),
        (("--samples", 21), "--data: 40 test sentences"),
        (("--temperature", 0.04), "0.04 is "),
        (("--temperature", 5.5), "5.5 is "),
        (("--temperature", "nan"), "nan is "),
        (("--features", "mine:features"), "--features mine:features: of pictures, and {run} writes sentences"),
        (("--beside", "{tmp}/folder"), "{tmp}/folder: "),
        (("--out", "{tmp}"), "--out {tmp}: is a folder"),
        (("--out", "{tmp}/one.txt/figures.json"), "one.txt is a file"),
    ],
)
def test_mistakes_get_one_line_and_nothing_is_written(options, message, folder, tmp_path):
    (tmp_path / "folder").mkdir()
    for name, content in {"one": b"just one\n", "empty": b"\n" * 30, "binary": b"\xff\xfa" * 40}.items():
        (tmp_path / f"{name}.txt").write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    names = {"tmp": tmp_path, "run": folder / "tiny"}
    result = call(folder, "--out", tmp_path / "figures.json", *(str(option).format(**names) for option in options))
    refused(result, message.format(**names))
    assert sorted(tmp_path.rglob("*")) == before

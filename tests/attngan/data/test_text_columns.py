"""Sentences in a column of a CSV or of JSON lines, and what is no file of sentences."""

import csv
import io
import json

import pytest
from click.testing import CliRunner
from refusals import refused, refuses
from tiny_text import sentences

from attngan.cli import main
from attngan.data import load_lines

SAID = [*sentences()[:30], 'a "quoted", divided; one', "of two\nlines"]
READ = [" ".join(sentence.split()) for sentence in SAID]


def table(path, names, delimiter=",", encoding="utf-8"):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(names)
    writer.writerows([[number, sentence][: len(names)] for number, sentence in enumerate(SAID)])
    path.write_bytes(file.getvalue().encode(encoding))
    return path


def objects(path, name):
    path.write_text("".join(json.dumps({"id": number, name: said}) + "\n" for number, said in enumerate(SAID)))
    return path


@pytest.mark.parametrize("name", ["text", "caption", "sentence", "Text"])
def test_a_usual_column_is_taken_and_said(tmp_path, name):
    for path in (
        table(tmp_path / "a.csv", ["id", name]), table(tmp_path / "b.csv", ["id", name], ";", "utf-16"),
        objects(tmp_path / "d.jsonl", name), objects(tmp_path / "e.txt", name),
    ):  # fmt: skip
        lines = load_lines(path)
        assert (lines.sentences, lines.column) == (READ, name), path
        assert lines.describe() == f"{len(READ)} sentences of column {name}" and lines.about == {"column": name}


@pytest.mark.parametrize("names", ["text", "id,text", "id;text"])
def test_a_last_column_keeps_delimiters_that_lack_quotes(tmp_path, names):
    said = [*sentences()[:25], "a dog, which; sits, and looks,", 'it is, "as he said", so', 'a "b"']
    before = names.removesuffix("text")
    lines = [before.replace("id", str(number)) + sentence for number, sentence in enumerate(said)]
    (tmp_path / "a.csv").write_text("\n".join([names, *lines, *[before.replace("id", "9") + '"one, ""or"" two"']]))
    found = load_lines(tmp_path / "a.csv")
    assert found.sentences == [*said, 'one, "or" two'] and not found.skipped


def test_rows_whose_fields_are_not_the_columns_are_named(tmp_path):
    rows = [f"{sentence},1" for sentence in sentences()[:25]]
    (tmp_path / "a.csv").write_text("\n".join(["text,id", *rows, "a dog, which sits,1", ""]))
    assert load_lines(tmp_path / "a.csv").skipped == [("line 27", "3 fields, where the first line has 2")]
    rows = [f"1,{sentence}" for sentence in sentences()[:25]]
    (tmp_path / "a.csv").write_text("\n".join(["id,text", *rows, "", '1,"Hi", he said', "1", "1,", ""]))
    found = load_lines(tmp_path / "a.csv")
    assert found.sentences == sentences()[:25] and found.blank == 2
    assert found.skipped == [
        (f"line {line}", f"{n} fields, where the first line has 2") for line, n in ((28, 3), (29, 1))
    ]


def test_between_tabs_quotes_are_part_of_a_text(tmp_path):
    said = [f'"Oh {number}!" he said' for number in range(20)] + ['"And so', 'on" and on, "on"']
    (tmp_path / "a.tsv").write_text("id\ttext\n" + "".join(f"1\t{sentence}\n" for sentence in said))
    (tmp_path / "b.csv").write_text((tmp_path / "a.tsv").read_text())
    assert load_lines(tmp_path / "a.tsv").sentences == load_lines(tmp_path / "b.csv").sentences == said


@pytest.mark.parametrize("rest", [[], ['1,"in quotes"'], ['1,other" words']])
def test_a_quote_that_is_not_closed_is_refused_with_its_line(tmp_path, rest):
    rows = [f"1,{sentence}" for sentence in sentences()[:25]]
    (tmp_path / "a.csv").write_text("\n".join(["id,text", *rows, '1,"and so', *rows, *rest]))
    with refuses("a.csv line 27: no CSV"):
        load_lines(tmp_path / "a.csv")


def test_a_named_column_is_taken_before_a_usual_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,said\n" + "".join(f"same,{sentence}\n" for sentence in sentences()))
    assert load_lines(path, column="said").sentences == sentences()
    assert load_lines(path, usual=("gone", "said", "text")).column == "said"


@pytest.mark.parametrize(
    ("write", "column", "message"),
    [
        (
            lambda root: table(root / "a.csv", ["id", "said"]),
            None,
            "a.csv: none of its.*'id', 'said'.*--column",
        ),
        (lambda root: objects(root / "a.jsonl", "said"), None, "a.jsonl: none of its columns.*'id', 'said'"),
        (lambda root: table(root / "a.csv", ["id", "text"]), "said", "--column said: no such column.*'id', 'text'"),
        (lambda root: objects(root / "a.jsonl", "text"), "said", "--column said: no such column"),
        (lambda root: root / "a.csv", None, "a.csv: none of its columns"),
        (lambda root: root / "a.txt", "text", "--column text: a.txt has no columns"),
        (lambda root: root / "a.json", None, "a.json: one JSON document"),
    ],
)
def test_without_such_a_column_their_names_are_told(tmp_path, write, column, message):
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "a.txt").write_text("\n".join(sentences()))
    (tmp_path / "a.json").write_text(json.dumps([{"text": said} for said in SAID], indent=1))
    with refuses(message):
        load_lines(write(tmp_path), column=column)


def test_what_is_no_sentence_is_named_by_its_line(tmp_path):
    path = objects(tmp_path / "a.jsonl", "text")
    path.write_text(path.read_text() + '{"text": 3}\n{"id": 4}\n{"text": "x\n')
    lines = load_lines(path)
    assert lines.sentences == READ and lines.blank == 1
    assert lines.skipped == [(f"line {len(SAID) + 1}", "no text"), (f"line {len(SAID) + 3}", "no text")]


def call(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_train_takes_the_column_and_counts_sentences(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,said\n" + "".join(f"1,{sentence}\n" for sentence in sentences()))
    command = ("train", "--preset", "tiny-text", "--data", path, "--out", tmp_path / "run", "--dry-run")
    result = call(*command, "--column", "said", "--sentences", 320)
    assert result.exit_code == 0 and "300 sentences of column said" in result.output, result.output
    assert "then 320 relativistic" in result.output
    refused(call(*command), "'id', 'said'")
    refused(call(*command, "--column", "said", "--sentences", 320, "--images", 320), "--images 320")
    pictures = ("train", "--preset", "tiny", "--data", path, "--out", tmp_path / "run")
    refused(call(*pictures, "--column", "said"), "--column said: this preset draws pictures")
    refused(call(*pictures, "--sentences", 320), "--sentences: tiny draws pictures")

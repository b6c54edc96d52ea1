"""Captioned folders and zips: both formats, what has no counterpart, and every refusal."""

from __future__ import annotations

import io
import json
import re
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from picture_files import SIDE, make, png
from refusals import refused, refuses

from attngan.cli import main
from attngan.data import CaptionedDataset, Captions, ImageDataset, load_captioned
from attngan.data.layouts import read_captions
from attngan.data.listing import Listing, SourceFile
from attngan.data.sources import folder
from attngan.errors import AttnGANError

both = pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
PATH = Path("set")


def lines(*entries: dict[str, Any]) -> bytes:
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def read(path: Path, channels: int = 1) -> CaptionedDataset:
    return load_captioned(path, resolution=SIDE, channels=channels)


def captions_of(pictures: CaptionedDataset) -> Captions:
    assert pictures.captions is not None
    return pictures.captions


def values(pictures: CaptionedDataset) -> list[int]:
    return [int(value) for value in pictures.images[:, 0, 0, 0]]


def listing(content: bytes, *pictures: str, name: str = "captions.jsonl") -> Listing:
    """Pictures, and one file with captions, of which nothing is on disk."""
    return Listing([SourceFile(picture, bytes) for picture in pictures], [SourceFile(name, lambda: content)])


@both
def test_json_lines(tmp_path: Path, zipped: bool) -> None:
    said = lines(
        {"file_name": "twitter/b.png", "caption": "green dragon", "style": "twitter", "concept": "dragon"},
        {
            "file_name": "google/b.png",
            "captions": ["a  dragon", " it is\tgreen\n"],
            "tags": ["fire"],
            "style": "google",
        },
        {"file_name": "google/a.png", "caption": "red heart", "tags": ["love", " "], "style": "google", "concept": "x"},
    )
    files = {"twitter/b.png": png(3), "google/b.png": png(2), "captions.jsonl": said, "google/a.png": png(1)}
    pictures = read(make(tmp_path, files, zipped))
    assert values(pictures) == [1, 2, 3]
    captions = captions_of(pictures)
    assert captions.texts == [("red heart",), ("a dragon", "it is green"), ("green dragon",)]
    assert captions.tags == [("love",), ("fire",), ()]
    assert captions.concepts == ["x", "google/b.png", "dragon"]
    assert pictures.style_names == ["google", "twitter"]
    assert pictures.styles is not None and pictures.styles.tolist() == [0, 0, 1]
    assert pictures.describe() == "3 pictures, 4 captions, 3 concepts, 2 styles"


@both
def test_sidecars(tmp_path: Path, zipped: bool) -> None:
    files = {
        "b/2.jpg": png(3), "b/2.TXT": b"green dragon\r\n\r\n  with   wings \r\n", "a/1.png": png(1), "a/1.gif": png(2),
        "a/1.txt": "\ufeffr\u00f6tes Herz\n\n".encode(), "LICENSE.txt": b"\xff", "notes.md": b"x",
    }  # fmt: skip
    pictures = read(make(tmp_path, files, zipped))
    assert values(pictures) == [2, 1, 3]
    captions = captions_of(pictures)
    assert captions.texts == [("rötes Herz",), ("rötes Herz",), ("green dragon", "with wings")]
    assert captions.tags == [(), (), ()] and captions.concepts == ["a/1.gif", "a/1.png", "b/2.jpg"]
    assert pictures.style_names == ["a", "b"] and pictures.styles is not None
    assert pictures.styles.tolist() == [0, 0, 1]
    assert pictures.describe() == (
        "3 pictures, 4 captions, 3 concepts, 2 styles; 1 caption without a picture: LICENSE.txt; 1 other file ignored"
    )


@both
def test_what_has_no_counterpart_is_counted_and_named(tmp_path: Path, zipped: bool) -> None:
    said = lines(
        {"file_name": "a.png", "caption": "one"},
        {"file_name": "broken.png", "caption": "two"},
        {"file_name": "c.png", "caption": " "},
        {"file_name": "d.png", "captions": []},
        *({"file_name": f"gone/{number}.png", "caption": "gone"} for number in range(4)),
    )
    files = {"captions.jsonl": said, "z.txt": b"one", "broken.png": b"x", "z.png": png(4)}
    files |= {f"{name}.png": png(number) for number, name in enumerate("acd")}
    pictures = read(make(tmp_path, files, zipped))
    captions = captions_of(pictures)
    assert values(pictures) == [0] and captions.texts == [("one",)] and pictures.styles is None
    assert captions.uncaptioned == ["c.png", "d.png", "z.png"]
    assert captions.pictureless == [f"gone/{number}.png" for number in range(4)]
    assert pictures.describe() == (
        "1 picture, 1 caption, 1 concept; 1 skipped: broken.png (not a picture that Pillow can read); "
        "3 pictures without a caption: c.png, d.png, z.png; "
        "4 captions without a picture: gone/0.png, gone/1.png, gone/2.png, …; 1 other file ignored"
    )


def test_a_broken_picture_takes_its_own_caption_with_it(tmp_path: Path) -> None:
    said = lines(
        *({"file_name": f"{n}.png", "caption": f"number {n}", "style": "abcbc"[n]} for n in range(5)),
    )
    files = {f"{number}.png": png(number) if number != 2 else b"x" for number in range(5)}
    pictures = read(make(tmp_path, {**files, "captions.jsonl": said}, False))
    assert captions_of(pictures).texts == [(f"number {value}",) for value in values(pictures)]
    assert values(pictures) == [0, 1, 3, 4] and pictures.style_names == ["a", "b", "c"]
    assert pictures.styles is not None and pictures.styles.tolist() == [0, 1, 1, 2]


def test_a_single_style_is_none(tmp_path: Path) -> None:
    said = lines(*({"file_name": name, "caption": "x", "style": "google"} for name in ("a.png", "b.png")))
    pictures = read(make(tmp_path, {"captions.jsonl": said, "a.png": png(1), "b.png": png(2)}, False))
    assert pictures.styles is None and pictures.style_names == []


def test_names_count_from_the_folder_of_the_list(tmp_path: Path) -> None:
    said = lines({"file_name": "google\\a.png", "caption": "one"}, {"file_name": "./b.png", "caption": "two"})
    files = {"emoji/google/a.png": png(1), "emoji/b.png": png(2), "emoji/captions.jsonl": said}
    pictures = read(make(tmp_path, files, True))
    assert captions_of(pictures).texts == [("two",), ("one",)]
    at_root = lines({"file_name": "emoji/b.png", "caption": "of the root"})
    pictures = read(make(tmp_path, {**files, "captions.jsonl": at_root}, False))
    assert captions_of(pictures).texts == [("of the root",)] and pictures.ignored == 1


def test_accents_may_be_composed_in_either_way(tmp_path: Path) -> None:
    name = "Café.png"
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        said = lines({"file_name": unicodedata.normalize(form, name), "caption": "coffee"})
        folder = tmp_path / form
        folder.mkdir()
        path = make(folder, {"captions.jsonl": said, unicodedata.normalize(other, name): png(1)}, True)
        assert captions_of(read(path)).texts == [("coffee",)]


def test_names_may_hold_blanks(tmp_path: Path) -> None:
    said = lines({"file_name": " a  b.png", "caption": "one"})
    assert captions_of(read(make(tmp_path, {"captions.jsonl": said, " a  b.png": png(1)}, False))).texts == [("one",)]


GOOD = b'{"file_name": "a.png", "caption": "one"}\n\n'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b"7", "no object with a file_name"),
        (b'{"caption": "x"}', "no object with a file_name"),
        (b'{"file_name": "b.png"}', "neither caption nor captions"),
        (b'{"file_name": "b.png", "caption": "x", "captions": ["y"]}', "both caption and captions"),
        (b'{"file_name": "b.png", "caption": 7}', "captions holds 7"),
        (b'{"file_name": "b.png", "captions": "x"}', 'captions is no list; write "captions": ['),
        (b'{"file_name": "b.png", "caption": "x", "tags": {"a": 1}}', "tags is no list"),
        (b'{"file_name": "b.png", "caption": "x", "tags": [null]}', "tags holds null"),
        (b'{"file_name": "b.png", "caption": "x", "style": 1}', "style holds 1"),
        (b'{"file_name": "b.png", "caption": "x", "concept": []}', "concept holds []"),
        (b'{"file_name": 1, "caption": "x"}', "file_name holds 1"),
        (b'{"file_name": "", "caption": "x"}', "file_name ''"),
        (b'{"file_name": "../b.png", "caption": "x"}', "file_name '../b.png'"),
        (b'{"file_name": "x\\\\..\\\\b.png", "caption": "x"}', "name a picture of the folder"),
        (b'{"file_name": "/b.png", "caption": "x"}', "file_name '/b.png'"),
        (b'{"file_name": "C:/b.png", "caption": "x"}', "file_name 'C:/b.png'"),
        (b'{"file_name": "b\\n.png", "caption": "x"}', r"file_name 'b\n.png'"),
        (b'{"file_name": "./a.png", "caption": "x"}', 'a.png again, after line 1; use one line with "captions": [..]'),
        (b'{"file_name": "b.png", "caption": "caf\xe9"}', "byte 0xe9 is not UTF-8"),
        (b'{"file_name": "b.png", "caption": "a\\u0000b"}', "U+0000 is a control character"),
        (b'{"file_name": "b.png", "caption": "a\x1bb"}', "U+001B is a control character"),
        (b'{"file_name": "b.png", "caption": "x", "tags": ["\xc2\x9b"]}', "U+009B is a control character"),
        (b'{"file_name": "b\\u0007.png", "caption": "x"}', "U+0007 is a control character"),
        (b'{"file_name": "b.png", "caption": "\\ud83d"}', "U+D83D is half a surrogate"),
    ],
)
def test_lines_that_are_refused(line: bytes, reason: str) -> None:
    with refuses(f"captions.jsonl line 3: {re.escape(reason)}"):
        read_captions(PATH, listing(GOOD + line, "a.png", "b.png"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"one\nbl\xfcte", "a.txt line 2: byte 0xfc is not UTF-8"),
        ("\ufeffeins".encode("utf-16-le") + b"!", "a.txt: byte 0x21 is not UTF-16"),
        (b"\none\n\ntwo\x07", r"a.txt line 4: U\+0007 is a control character"),
    ],
)
def test_sidecars_that_are_refused(content: bytes, reason: str) -> None:
    with refuses(reason):
        read_captions(PATH, listing(content, "a.png", name="a.txt"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_marked_encodings_are_read(encoding: str) -> None:
    for name, content in (("a.txt", "café"), ("captions.jsonl", '{"file_name": "a.png", "caption": "café"}')):
        described = read_captions(PATH, listing(content.encode(encoding), "a.png", name=name))
        assert described.entries["a.png"].texts == ("café",)


def test_captions_of_one_split(tmp_path: Path) -> None:
    said = lines(*({"file_name": f"{split}/{n}.png", "caption": split} for split in ("train", "test") for n in (1, 2)))
    files = {f"{split}/{n}.png": png(n) for split in ("train", "test") for n in (1, 2)}
    pictures = read(make(tmp_path, files | {"captions.jsonl": said}, True))
    assert captions_of(pictures).texts == [("train",), ("train",)] and pictures.styles is None
    assert pictures.describe() == "2 pictures, 2 captions, 2 concepts; split train alone, not test (2 pictures)"


def test_a_stray_picture_leaves_the_styles(tmp_path: Path) -> None:
    files = {name: png(1) if name.endswith("png") else b"x" for stem in ("a/1", "b/2", "3") for name in
             (f"{stem}.png", f"{stem}.txt")}  # fmt: skip
    pictures = read(make(tmp_path, files, False))
    assert pictures.style_names == ["a", "b"]
    assert "1 picture beside the folders left out: 3.png" in pictures.describe()


def test_a_style_with_too_long_a_name_is_refused(tmp_path: Path) -> None:
    said = lines(*({"file_name": f"{style[0]}.png", "caption": "x", "style": style} for style in ("a" * 256, "b")))
    path = make(tmp_path, {"a.png": png(1), "b.png": png(2), "captions.jsonl": said}, False)
    with refuses("--data: style 'a{40}' has 256 letters"):
        read(path)


def test_styles_of_some_pictures_are_refused() -> None:
    content = GOOD + b'{"file_name": "b.png", "caption": "one", "style": "google"}'
    with refuses("captions.jsonl: line 3 has a style"):
        read_captions(PATH, listing(content, "a.png", "b.png"))


def test_two_lists_below_the_root_are_refused(tmp_path: Path) -> None:
    path = make(tmp_path, {"a/captions.jsonl": GOOD, "b/captions.jsonl": GOOD, "a/a.png": png(1)}, True)
    with refuses("--data: a/captions.jsonl and b/captions.jsonl"):
        read(path)


def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path, {"captions.jsonl": GOOD, "a.png": png(1)}, True)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the encryption flag of the first entry
    path.write_bytes(content)
    with refuses("captions.jsonl: encrypted"):
        read(path)


@both
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "empty"),
        ({"captions.jsonl": GOOD}, "1 file"),
        ({"a.png": png(1)}, "pictures without captions"),
        ({"a.png": png(1), "a.txt": b" \n"}, "pictures without captions"),
        (
            {"b.png": png(1), "captions.jsonl": GOOD},
            "its captions are of pictures that are not there (1: a.png)",
        ),
        ({"a.png": b"x", "captions.jsonl": GOOD}, "none of its 1 pictures can be read: a.png (not a picture"),
    ],
)
def test_nothing_is_left(tmp_path: Path, zipped: bool, files: dict[str, bytes], reason: str) -> None:
    path = make(tmp_path, files, zipped)
    with refuses(f"--data {path}: {re.escape(reason)}"):
        read(path)


def test_no_such_path_nor_zip_nor_channels(tmp_path: Path) -> None:
    with refuses("--data: no such file"):
        read(tmp_path / "absent")
    (tmp_path / "data.zip").write_bytes(b"something else")
    with refuses("--data: neither a zip"):
        read(tmp_path / "data.zip")
    with refuses("channels 2"):
        read(make(tmp_path, {"captions.jsonl": GOOD, "a.png": png(1)}, False), channels=2)


def test_fingerprint_tells_captions_tags_and_concepts() -> None:
    images = np.zeros((2, SIDE, SIDE, 1), np.uint8)
    plain = Captions([("a",), ("b",)], [(), ()], ["x", "y"])
    variants = [
        plain, replace(plain, texts=[("b",), ("a",)]), replace(plain, texts=[("a", "b"), ("b",)]),
        replace(plain, tags=[("a",), ()]), replace(plain, tags=[(), ("a",)]), replace(plain, concepts=["x", "x"]),
    ]  # fmt: skip
    found = {CaptionedDataset(images, captions=captions).fingerprint for captions in variants}
    assert len(found | {ImageDataset(images).fingerprint}) == len(variants) + 1
    left_out = replace(plain, uncaptioned=["c.png"], pictureless=["d.png"])
    assert CaptionedDataset(images, captions=left_out).fingerprint in found


def test_fingerprint_of_pictures_without_captions_stays() -> None:
    """Runs that began before there were captions resume with it."""
    values = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    pictures = ImageDataset(values, np.array([0, 1, 0, 1]), ["a", "é"])
    assert pictures.fingerprint == "32b7ae6193bce19982a1af818ff7916eabdf947c5937396d70a657e5873bb9a3"


def test_take() -> None:
    captions = Captions([("a",), ("b", "c"), ("d",)], [("t",), (), ("u", "v")], ["x", "y", "x"], ["e.png"], ["f.png"])
    taken = captions.take(np.array([2, 1]))
    assert (taken.texts, taken.tags, taken.concepts) == ([("d",), ("b", "c")], [("u", "v"), ()], ["x", "y"])
    assert taken.uncaptioned == [] and taken.pictureless == []


texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)
entries = st.fixed_dictionaries(
    {"captions": st.lists(texts, max_size=3)},
    optional={"tags": st.lists(texts, max_size=3), "concept": texts, "colour": texts},
)


@given(st.lists(entries, max_size=5), st.booleans(), st.booleans(), st.permutations(range(5)))
def test_what_is_written_is_read(found: list[dict[str, Any]], escaped: bool, bom: bool, order: list[int]) -> None:
    named = [{"file_name": f"{number}.png", **entry} for number, entry in enumerate(found)]
    written = [json.dumps(named[place], ensure_ascii=escaped) for place in order if place < len(named)]
    content = b"\xef\xbb\xbf" * bom + "\r\n".join(written).encode()
    described = read_captions(PATH, listing(content, *(f"{number}.png" for number in range(4))))
    expected = {}
    for entry in named[:4]:
        said = tuple(filter(None, (" ".join(text.split()) for text in entry["captions"])))
        tags = tuple(filter(None, (" ".join(text.split()) for text in entry.get("tags", []))))
        if said:
            expected[entry["file_name"]] = said, tags, " ".join(entry.get("concept", "").split()) or entry["file_name"]
    assert {name: (entry.texts, entry.tags, entry.concept) for name, entry in described.entries.items()} == expected
    assert described.pictureless == ["4.png"] * (len(named) == 5)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.text(max_size=5),
                lambda inner: (
                    st.dictionaries(
                        st.sampled_from(["file_name", "caption", "captions", "tags", "style", "concept"]), inner
                    )
                    | st.lists(inner, max_size=3)
                ),
            ).map(lambda value: json.dumps(value).encode()),
        ),
        max_size=3,
    ),
    st.sampled_from(["captions.jsonl", "a.txt"]),
)
def test_any_bytes_are_read_or_refused_in_one_line(found: list[bytes], name: str) -> None:
    refusal = None
    try:
        described = read_captions(PATH, listing(b"\n".join(found), "a.png", name=name))
    except AttnGANError as error:
        refusal = str(error)
    if refusal is None:
        assert set(described.entries) <= {"a.png"} and all(entry.texts for entry in described.entries.values())
    else:
        assert refusal.startswith(f"--data set: {name}") and "\n" not in refusal
        assert ";" in refusal  # a remedy


def test_inspect(tmp_path: Path) -> None:
    said = lines(
        {"file_name": "a.png", "caption": "Red heart!", "tags": ["love"], "style": "google", "concept": "heart"},
        {"file_name": "b.png", "caption": "red héart", "style": "twitter", "concept": "heart"},
        {"file_name": "c.png", "captions": ["?!", " ".join(["long"] * 17)], "style": "twitter", "concept": "red"},
        {"file_name": "gone.png", "caption": "gone", "style": "twitter"},
    )
    files = {"captions.jsonl": said} | {f"{name}.png": png(1) for name in "abcd"}
    result = CliRunner().invoke(main, ["data", "inspect", str(make(tmp_path, files, True))])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "3 pictures, 1 different, 4 captions, 2 concepts, 2 styles; 1 picture without a caption: d.png; "
        "1 caption without a picture: gone.png",
        "styles: google 1, twitter 2",
        "captions: 1.3 a picture, 5.2 words, 17 at most",
        "tags: 0.3 a picture",
        "vocabulary: 4 words, 4 of them with one concept only: heart, long, love, …",
        f"captions of more than 16 words, which are cut: 1: {' '.join(['long'] * 17)}",
        "captions of nothing but punctuation: 1: ?!",
        "examples:",
        "  Red heart!; tags love; style google; concept heart",
        "  red héart; style twitter; concept heart",
        f"  ?!, {' '.join(['long'] * 17)}; style twitter; concept red",
    ]


def test_inspect_reads_captions_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_file, opened = folder._read_file, list[str]()

    def count(path: Path) -> bytes:
        opened.append(path.name)
        return read_file(path)

    monkeypatch.setattr(folder, "_read_file", count)
    files = {f"{n}.png": png(n) for n in range(3)} | {f"{n}.txt": b"a word" for n in range(3)}
    result = CliRunner().invoke(main, ["data", "inspect", str(make(tmp_path, files, False))])
    assert result.exit_code == 0, result.output
    assert sorted(name for name in opened if name.endswith("txt")) == ["0.txt", "1.txt", "2.txt"]


def test_inspect_pictures_without_captions(tmp_path: Path) -> None:
    files = {"a/1.png": png(1), "a/2.png": png(2), "b/3.png": png(3), "README.txt": b"read me"}
    result = CliRunner().invoke(main, ["data", "inspect", str(make(tmp_path, files, True))])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "3 pictures, 2 classes (a: 2, b: 1); 1 other file ignored",
        "classes: a: 2, b: 1",
        "shorter sides: 8 pixels at least, 8 in the middle, 8 at most",
    ]


def test_inspect_reports_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["data", "inspect", str(tmp_path / "absent")])
    refused(result, f"--data {tmp_path / 'absent'}: no such file")
    files = {"captions.jsonl": lines({"file_name": "a.png", "caption": "?!"}), "a.png": png(1)}
    result = CliRunner().invoke(main, ["data", "inspect", str(make(tmp_path, files, False))])
    refused(result, "--data: its captions hold no words")


def test_zip_in_memory_matches_the_folder(tmp_path: Path) -> None:
    files = {"captions.jsonl": GOOD, "a.png": png(1)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    (tmp_path / "set.zip").write_bytes(buffer.getvalue())
    assert read(tmp_path / "set.zip").fingerprint == read(make(tmp_path, files, False)).fingerprint

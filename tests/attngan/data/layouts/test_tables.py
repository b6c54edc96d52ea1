"""Tables of captions and labels: Hugging Face's metadata, CSV, Flickr8k and 30k; encodings; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_files import SIDE, make, png
from refusals import refuses

from attngan.data import CaptionedDataset, ImageDataset, load_captioned, load_pictures
from attngan.data.layouts import read_captions, read_labels
from attngan.data.listing import Listing, SourceFile
from attngan.errors import AttnGANError

PICTURES = {"a.png": png(1), "b.png": png(2), "c.png": png(3)}
both = pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])


def captioned(root: Path, files: dict[str, bytes], zipped: bool = True) -> CaptionedDataset:
    return load_captioned(make(root, files, zipped), resolution=SIDE, channels=1)


def labelled(root: Path, files: dict[str, bytes], zipped: bool = True) -> ImageDataset:
    return load_pictures(make(root, files, zipped), resolution=SIDE, channels=1)


def classes(pictures: ImageDataset) -> list[str]:
    assert pictures.classes is not None
    return [pictures.class_names[number] for number in pictures.classes]


def listing(name: str, content: bytes) -> Listing:
    return Listing([SourceFile(picture, bytes) for picture in PICTURES], [SourceFile(name, lambda: content)])


ROWS = [("a.png", "red, heart", "x"), ("b.png", "green dragon", "y"), ("c.png", 'a "c"', "x")]
CSV = 'file_name,text,label\na.png,"red, heart",x\nb.png,green dragon,y\r\nc.png,"a ""c""",x\n'
JSON_LINES = "".join(json.dumps({"file_name": name, "text": text, "label": label}) + "\n" for name, text, label in ROWS)
FORMS = {
    "metadata.jsonl": JSON_LINES,
    "metadata.csv": CSV,
    "annotations.csv": CSV.replace(",x", ";x").replace(",y", ";y").replace("_name,text,", "NAME ; Caption ; ").replace(
        ".png,", ".png;"
    ),
    "metadata.tsv": "label\timage\tcaption\n" + "".join(f"{label}\t{name}\t{text}\n" for name, text, label in ROWS),
}  # fmt: skip


@both
@pytest.mark.parametrize("name", FORMS)
def test_text_and_labels(tmp_path: Path, zipped: bool, name: str) -> None:
    pictures = captioned(tmp_path, PICTURES | {name: FORMS[name].encode()}, zipped)
    assert pictures.captions.texts == [(text,) for _, text, _ in ROWS] and pictures.styles is None
    assert pictures.describe() == f"3 pictures, 3 captions, 3 concepts; captions of {name}"
    path = tmp_path / ("data.zip" if zipped else "data")
    by_class = load_pictures(path, resolution=SIDE, channels=1)
    assert classes(by_class) == ["x", "y", "x"]
    assert by_class.describe() == f"3 pictures, 2 classes (x: 2, y: 1); labels of {name}"


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv"])
def test_metadata_in_each_split(tmp_path: Path, name: str) -> None:
    files = {f"{split}/{picture}": png(value) for split, value in (("train", 1), ("test", 2)) for picture in PICTURES}
    files |= {f"{split}/{name}": FORMS[name].encode() for split in ("train", "test")}
    pictures = labelled(tmp_path, files)
    assert classes(pictures) == ["x", "y", "x"] and (pictures.images == 1).all()
    assert pictures.notes == ["split train alone, not test (3 pictures)", f"labels of train/{name}"]


def test_metadata_at_the_root_of_splits(tmp_path: Path) -> None:
    files = {f"{split}/{picture}": content for split in ("train", "test") for picture, content in PICTURES.items()}
    rows = "".join(f"{name},{name[:4]} {name[-5]}\n" for name in files)
    pictures = captioned(tmp_path, files | {"metadata.csv": f"file_name,text\n{rows}".encode()})
    assert pictures.captions.texts == [("trai a",), ("trai b",), ("trai c",)] and not pictures.captions.pictureless


def test_labels_as_numbers_and_names_without_extension(tmp_path: Path) -> None:
    pictures = labelled(tmp_path, {f"train/{n}.png": png(n) for n in range(12)} | {
        "labels.csv": ("id,label\n" + "".join(f"{n},{11 - n}\n" for n in range(12))).encode()
    })  # fmt: skip
    assert classes(pictures) == [str(11 - int(value)) for value in pictures.images[:, 0, 0, 0]]
    assert pictures.class_names == [str(n) for n in range(12)]


def test_a_label_ends_where_its_field_does(tmp_path: Path) -> None:
    pictures = labelled(tmp_path, PICTURES | {"labels.csv": b"file,label\na.png,cat\nb.png,dog\nc.png,cat,extra\n"})
    assert pictures.class_names == ["cat", "dog"] and len(pictures) == 2
    assert "1 broken line of labels.csv left out: line 4" in pictures.notes


@pytest.mark.parametrize("name", [*FORMS, "results.token"])
def test_whatever_ends_a_line(tmp_path: Path, name: str) -> None:
    content = FORMS.get(name) or "".join(f"{picture}#0\t{text}\n" for picture, text, _ in ROWS)
    for place, end in enumerate(("\r", "\r\n")):
        (tmp_path / str(place)).mkdir()
        said = {name: content.replace("\r\n", "\n").replace("\n", end).encode()}
        assert captioned(tmp_path / str(place), PICTURES | said).captions.texts == [(text,) for _, text, _ in ROWS]


def test_labels_come_before_folders(tmp_path: Path) -> None:
    files = {f"{name[0]}/{name}": content for name, content in PICTURES.items()}
    pictures = labelled(tmp_path, files | {"labels.csv": b"image,class\na.png,u\nb.png,v\nc.png,v\n"})
    assert classes(pictures) == ["u", "v", "v"]


def test_a_table_without_labels_leaves_the_folders(tmp_path: Path) -> None:
    files = {f"{name[0]}/{name}": content for name, content in PICTURES.items()}
    tables = {"labels.csv": b"size,weight\n1,2\n", "metadata.jsonl": b'{"file_name": "a/a.png", "text": "x"}'}
    pictures = labelled(tmp_path, files | tables)
    assert pictures.class_names == ["a", "b", "c"] and pictures.ignored == 2


@both
def test_flickr8k(tmp_path: Path, zipped: bool) -> None:
    files = {f"Images/{name}": content for name, content in PICTURES.items()}
    said = b'image,caption\na.png,A child in pink .\na.png,"A girl , going in ."\nb.png,A dog, 1,000\nc.png,A cat\n'
    pictures = captioned(tmp_path, files | {"captions.txt": said}, zipped)
    assert pictures.captions.texts == [("A child in pink .", "A girl , going in ."), ("A dog, 1,000",), ("A cat",)]


@pytest.mark.parametrize("name", ["Flickr8k.token.txt", "results_20130124.token"])
def test_flickr_tokens(tmp_path: Path, name: str) -> None:
    files = {f"Flicker8k_Dataset/{picture}": content for picture, content in PICTURES.items()}
    said = "".join(f"{picture}#{n}\t{picture[0]} , {n}\n" for picture in PICTURES for n in range(2))
    files |= {name: f"{said}gone.png.1#0\tx\nno tab\n".encode(), "Flickr8k.lemma.token.txt": b"a.png#0\tbe\n"}
    pictures = captioned(tmp_path, files)
    assert pictures.captions.texts == [(f"{letter} , 0", f"{letter} , 1") for letter in "abc"]
    assert pictures.captions.pictureless == ["gone.png.1"]
    assert f"1 broken line of {name} left out: line 8" in pictures.describe()


def test_flickr30k(tmp_path: Path) -> None:
    files = {f"flickr30k_images/{name}": content for name, content in PICTURES.items()}
    rows = (
        'a.png| 0| Two "men" are , there .',
        "a.png| 1| Two | more",
        "b.png| 0| B",
        "c.png| 4   A dog runs",
        "c.png| 0| C",
    )
    said = "image_name| comment_number| comment\n" + "\n".join(rows)
    pictures = captioned(tmp_path, files | {"results.csv": said.encode()})
    assert pictures.captions.texts == [('Two "men" are , there .', "Two | more"), ("B",), ("C",)]
    assert "1 broken line of results.csv left out: line 5" in pictures.describe()


def test_fields_with_a_space_before_their_quotes(tmp_path: Path) -> None:
    said = b'file_name, text\na.png, "red, heart"\nb.png, x\n'
    assert captioned(tmp_path, PICTURES | {"captions.csv": said}).captions.texts == [("red, heart",), ("x",)]


def test_pictures_by_the_end_of_their_path(tmp_path: Path) -> None:
    files = {"deep/x/a.png": png(1), "deep/y/a.png": png(2), "deep/y/b.png": png(3)}
    said = b"file,text\nx/a.png,one\n.\\y\\a.png,two\na.png,which\n../y/b.png,out\n/b.png,out\n"
    pictures = captioned(tmp_path, files | {"captions.csv": said})
    assert pictures.captions.texts == [("one",), ("two",)]
    assert pictures.captions.pictureless == ["a.png", "../y/b.png", "/b.png"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_encodings(name: str, encoding: str) -> None:
    content = FORMS[name].replace("green dragon", "grüner Drache").encode(encoding)
    assert read_captions(Path("set"), listing(name, content)).entries["b.png"].texts == ("grüner Drache",)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("metadata.csv", CSV.replace("green", "grün").encode("cp1252"), "metadata.csv line 3: byte 0xfc is not UTF-8"),
        ("metadata.csv", CSV.encode("utf-16-le"), "metadata.csv: bytes of 0, as UTF-16 without a mark does; save"),
        ("metadata.csv", b'file_name,text\na.png,"red" heart\n', "metadata.csv line 2: not CSV"),
        ("metadata.csv", b'file_name,text\na.png,"red heart\n', "metadata.csv line 2: not CSV"),
        ("metadata.csv", b"file_name,text\na.png," + b"x" * 200_000, "metadata.csv line 2: not CSV"),
        ("metadata.csv", b"file_name,text\na.png,x\n,y\n", "metadata.csv line 3: names no picture"),
        ("metadata.csv", b"file_name,text\na.png,a\x07b\n", r"metadata.csv line 2: U\+0007"),
        ("metadata.jsonl", b'{"file_name": "a.png", "text": "x"}\n7', "metadata.jsonl line 2: no JSON object"),
        ("metadata.jsonl", b"[" * 100_000, "metadata.jsonl line 1: no JSON object"),
        ("metadata.jsonl", b'{"file_name": ["a.png"], "text": "x"}', "metadata.jsonl line 1: names no picture"),
        ("metadata.jsonl", b'{"file_name": "a.png", "text": {"x": 1}}', "metadata.jsonl line 1: text holds {"),
        ("metadata.jsonl", b'{"file_name": "a.png", "text": [7]}', "metadata.jsonl line 1: text holds 7"),
    ],
)  # fmt: skip
def test_captions_that_are_refused(name: str, content: bytes, reason: str) -> None:
    with refuses(reason):
        read_captions(Path("set"), listing(name, content))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"file,label\na.png,x\na.png,y\n", "labels.csv line 3: a.png is y here and x before"),
        (b"file,label\nd.png,x\n", "--data: not there"),
        (b"file,label\n../a.png,x\n", "--data: not there"),
    ],
)
def test_labels_that_are_refused(content: bytes, reason: str) -> None:
    with refuses(reason):
        read_labels(Path("set"), listing("labels.csv", content))


@given(
    st.one_of(st.binary(max_size=60), st.text('fileabctx,;|\t\n"#0.png_nme', max_size=80).map(str.encode)),
    st.booleans(),
    st.sampled_from(["metadata.csv", "metadata.jsonl", "captions.txt", "labels.csv", "x.token", "captions_a.json"]),
)
def test_any_bytes_are_read_or_refused_in_one_line(content: bytes, headed: bool, name: str) -> None:
    content = b"file_name,text,label\n" * headed + content
    for read in (read_captions, read_labels):
        refusal = "--data set; "
        try:
            read(Path("set"), listing(name, content))
        except AttnGANError as error:
            refusal = str(error)
        assert refusal.startswith("--data set") and "\n" not in refusal and ";" in refusal

"""Text beside each picture or in a tree of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from picture_files import SIDE, make, png
from refusals import refuses

from attngan.data import CaptionedDataset, load_captioned, load_pictures

both = pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])


def captioned(root: Path, files: dict[str, bytes], zipped: bool = True) -> CaptionedDataset:
    return load_captioned(make(root, files, zipped), resolution=SIDE, channels=1)


@both
def test_kohya(tmp_path: Path, zipped: bool) -> None:
    files = {"10_cat/a.png": png(1), "10_cat/a.caption": b"a cat\n", "10_cat/b.png": png(2), "10_cat/b.txt": b"b cat"}
    files |= {"10_cat/c.png": png(3), "10_cat/c.txt": b"1girl, solo", "10_cat/c.caption": b"a girl"}
    pictures = captioned(tmp_path, files, zipped)
    assert pictures.captions.texts == [("a cat",), ("b cat",), ("a girl", "1girl, solo")]
    assert pictures.describe() == "3 pictures, 4 captions, 3 concepts"


@both
def test_birds_have_their_text_in_a_tree_of_its_own(tmp_path: Path, zipped: bool) -> None:
    birds = ("001.Black_footed_Albatross/Black_Footed_1", "001.Black_footed_Albatross/Black_Footed_2", "002.Auk/Auk_1")
    files = {f"CUB/images/{bird}.jpg": png(n) for n, bird in enumerate(birds)}
    files |= {f"CUB/text_c10/{bird}.txt": f"bird {n}\nit has wings".encode() for n, bird in enumerate(birds)}
    files |= {"CUB/images.txt": b"1 x.jpg", "CUB/README": b"\xff"}
    pictures = captioned(tmp_path, files, zipped)
    assert pictures.captions.texts == [(f"bird {n}", "it has wings") for n in range(3)]
    assert pictures.styles is None and pictures.captions.pictureless == ["CUB/images.txt"]


def test_flowers_have_their_text_by_name_alone(tmp_path: Path) -> None:
    files = {f"jpg/image_{n:05}.jpg": png(n) for n in range(3)}
    files |= {f"text_c10/class_{n:05}/image_{n:05}.txt": f"flower {n}".encode() for n in range(3)}
    assert captioned(tmp_path, files).captions.texts == [(f"flower {n}",) for n in range(3)]


def test_a_name_in_two_folders_is_of_none(tmp_path: Path) -> None:
    files = {"jpg/x/1.jpg": png(1), "jpg/y/1.jpg": png(2), "jpg/x/2.jpg": png(3)}
    files |= {"text/1.txt": b"which?", "text/2.txt": b"two"}
    pictures = captioned(tmp_path, files)
    assert pictures.captions.texts == [("two",)] and pictures.captions.pictureless == ["text/1.txt"]


@both
def test_img2dataset(tmp_path: Path, zipped: bool) -> None:
    files = {f"{n // 10:05}/{n // 10:05}{n % 10:04}.jpg": png(n) for n in range(20)}
    files |= {name.replace("jpg", "txt"): name.encode() for name in files}
    files |= {
        name.replace("txt", "json"): b'{"url": "x", "caption": "other"}' for name in files if name.endswith("txt")
    }
    pictures = captioned(tmp_path, files, zipped)
    assert [texts[0][-8:] for texts in pictures.captions.texts] == [f"{n % 10:04}.jpg" for n in range(20)]
    assert pictures.styles is None


def test_objects_beside_pictures(tmp_path: Path) -> None:
    files = {f"{n}.png": png(n) for n in range(4)}
    files |= {f"{n}.json": f'{{"caption": "number {n}", "label": "{"ab"[n % 2]}"}}'.encode() for n in range(4)}
    path = make(tmp_path, files, True)
    assert load_captioned(path, resolution=SIDE, channels=1).captions.texts == [(f"number {n}",) for n in range(4)]
    pictures = load_pictures(path, resolution=SIDE, channels=1)
    assert pictures.describe() == "4 pictures, 2 classes (a: 2, b: 2); labels of the files beside the pictures"


@pytest.mark.parametrize("where", ["images/train/{}", "images/{}"])
@both
def test_boxes_are_no_captions(tmp_path: Path, zipped: bool, where: str) -> None:
    """YOLO's, beside the pictures or in a tree of their own."""
    files = {f"{where.format(n)}.jpg": png(n) for n in range(3)} | {"classes.txt": b"cat"}
    boxes = b"0 0.5 0.5 0.1 0.2\n1 .25 1e-3 0.1 0.2 0.9\n"
    (tmp_path / "apart").mkdir()
    (tmp_path / "beside").mkdir()
    apart = {f"{where.format(n).replace('images', 'labels')}.txt": boxes for n in range(3)}
    path = make(tmp_path / "apart", files | apart, zipped)
    with refuses("--data: pictures without captions"):
        load_captioned(path, resolution=SIDE, channels=1)
    beside = {f"{where.format(n)}.txt": boxes for n in range(2)}
    pictures = captioned(tmp_path / "beside", files | beside | {f"{where.format(2)}.txt": b"3 cats\n"}, zipped)
    assert pictures.captions.texts == [("3 cats",)] and pictures.ignored == 2


@pytest.mark.parametrize("said", [b"7", b"3 1 4", b"0 0.5 0.5 0.1 0.2\na cat", b"1 2 3 4 cats"])
def test_numbers_may_be_captions(tmp_path: Path, said: bytes) -> None:
    assert len(captioned(tmp_path, {"a.png": png(1), "a.txt": said})) == 1


def test_a_file_of_two_pictures_is_one(tmp_path: Path) -> None:
    pictures = {"a.png": png(1), "a.jpg": png(2), "b.png": png(3), "README": b"x"}
    for kind, said in (("cls", b"%d"), ("json", b'{"label": %d, "caption": "x"}')):
        (tmp_path / kind).mkdir()
        files = {f"{name}.{kind}": said % n for n, name in enumerate("ab")}
        path = make(tmp_path / kind, pictures | files, True)
        assert load_pictures(path, resolution=SIDE, channels=1).ignored == 1
    assert load_captioned(path, resolution=SIDE, channels=1).ignored == 1


def test_objects_of_other_tools_are_passed_over(tmp_path: Path) -> None:
    files = {
        f"{'ab'[n % 2]}/{n}.{kind}": content for n in range(4) for kind, content in (("png", png(n)), ("json", b"{}"))
    }
    files["b/3.json"] = b"{"  # never read
    pictures = load_pictures(make(tmp_path, files, True), resolution=SIDE, channels=1)
    assert pictures.describe() == "4 pictures, 2 classes (a: 2, b: 2); 4 other files ignored"


def test_kohyas_captions_in_another_encoding(tmp_path: Path) -> None:
    with refuses("a.caption line 1: byte 0xe9 is not UTF-8; .*iconv"):
        captioned(tmp_path, {"a.png": png(1), "a.caption": "café".encode("cp1252")})

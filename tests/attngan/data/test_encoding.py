"""Bytes that are text, and those that are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refuses

from attngan.data.encoding import read_text

TEXT = "Ein Café, 犬\r\nzwei\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_with_and_without_a_mark(encoding):
    assert read_text(TEXT.encode(encoding), "here") == TEXT
    for big in ("utf-16-be", "utf-32-be"):
        assert read_text("\ufeff".join(["", TEXT]).encode(big), "here") == TEXT


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"a\nb\ncaf\xe9 noir\n", " line 3: byte 0xe9 is not UTF-8.*iconv -f WINDOWS-1252 -t UTF-8"),
        ("a dog".encode("utf-16-le"), ": UTF-16 without a mark.*iconv -f UTF-16LE"),
        ("я вижу, как бежит собака".encode("utf-16-le"), ": UTF-16 without a mark"),
        (b"\xff\xfea\0\n\0\0\xd8", " line 2: is not UTF-16"),
        (b"\x89PNG\r\n", " line 1: not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_with_how_to_save_it(content, kind):
    with refuses(f"--data x{kind}"):
        read_text(content, "--data x")


@given(st.text())
def test_any_text_is_read(text):
    if 32 * text.count("\0") <= len(text.encode()) and not text.startswith("\ufeff"):
        assert read_text(text.encode(), "x") == text

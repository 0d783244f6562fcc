"""Texts of files, and what files are that people take for text."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import pickle
import sqlite3
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from archcast.errors import DataNotFoundError, InvalidFileError
from archcast.files import ordinary, text_of

TEXT = "größe,acc\n1,2\n"


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", TEXT)
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"), io.BytesIO())
    return file.getvalue()


def _array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def _database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        with contextlib.closing(sqlite3.connect(path)) as base:
            base.execute("create table t (a)")
            base.commit()
        return path.read_bytes()


@pytest.mark.parametrize("name", ["PAR1", "ARROW1"])
def test_a_column_may_be_called_like_a_format(name):
    assert text_of(f"{name},acc\n1,2\n".encode(), "a.csv") == f"{name},acc\n1,2\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_is_text(encoding, pack):
    assert text_of(pack(TEXT.encode(encoding)), "a.csv") == TEXT


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (_zip(), "an archive or workbook .zip, xlsx, npz., not text. Unpack it"),
        (_tar(), "a tar archive, not text. Unpack it"),
        (gzip.compress(_tar()), "a tar archive"),
        (gzip.compress(gzip.compress(b"a")), "packed by gzip twice"),
        (bz2.compress(b"a"), "packed by bzip2"),
        (lzma.compress(b"a"), "packed by xz"),
        (pickle.dumps({}), "a pickle, not text. Pickles are not read"),
        (_array(), "an array of numpy"),
        (_database(), "a database of SQLite"),
        (b"PAR1\x15\x04" + bytes(9), "a Parquet file"),
        (b"\xd0\xcf\x11\xe0" + bytes(9), "a workbook of an old Excel"),
        (b"%PDF-1.7", "a PDF"),
        (TEXT.encode("latin-1"), "not text in UTF-8: line 1 has the byte 0xf6. Save it as UTF-8; Excel"),
        (b"a\nb\0", "line 2 has a zero byte"),
        (b"\xff\xfea", "not text in UTF-8: line 1 has the byte 0x61"),
        (b"\xef\xbb\xbfa\n\xf6", "not text in UTF-8: line 2 has the byte 0xf6"),
        (b" <!DOCTYPE HTML><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (gzip.compress(b"a" * 99)[:-3], "a damaged gzip file"),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else "file"
    ),  # packed bytes hold the time: workers would not agree
)
def test_what_is_none_is_named(data, says):
    with pytest.raises(InvalidFileError, match=f"^'a.csv' is .*{says}") as caught:
        text_of(data, "a.csv")
    assert str(caught.value).endswith((".", "git lfs pull"))


def test_a_file_to_write_has_a_folder(tmp_path):
    assert ordinary("out", tmp_path / "new.csv") == tmp_path / "new.csv"
    with pytest.raises(DataNotFoundError, match=r"^out .*there is no folder .*Make it first"):
        ordinary("out", tmp_path / "none" / "new.csv")
    assert ordinary("out", tmp_path / "none" / "new.csv", made=False).name == "new.csv"

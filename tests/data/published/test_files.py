"""Where files are found, and how much of one is read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from archcast.data._torch_archive import read_torch
from archcast.data.published._files import Part, beginning, contents, read_json, reading, unpacked
from archcast.data.published._finding import find, fits, natural
from archcast.errors import DataNotFoundError, InvalidFileError

OPTIONS = {"benchmark": "mine", "get": "Download it from https://example.org."}


def names(parts) -> list[str]:
    return [(part.inside or part.path.name) for part in parts]


def test_patterns_are_the_last_components() -> None:
    assert fits("a/b/seg/trainval.pkl", ["seg/trainval.pkl"])
    assert fits("seg/trainval.pkl.gz", ["seg/trainval.pkl"])
    assert fits("x/table.csv.gz", ["table.csv.gz"])
    assert not fits("x/seg-4x/trainval.pkl", ["seg/trainval.pkl"])
    assert not fits("trainval.pkl", ["seg/trainval.pkl"])
    assert fits("deep/result_7.json", ["x", "result_*.json"])
    assert not fits("result_7.json/other", ["result_*.json"])


def test_folders_are_searched_in_depth_and_in_natural_order(tmp_path) -> None:
    for name in ("result_10.json", "b/result_2.json", "b/c/result_1.json", ".hidden/result_3.json", "other.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "b" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert names(find(["result_*.json"], tmp_path, **OPTIONS)) == ["result_1.json", "result_2.json", "result_10.json"]
    assert names(find(["result_*.json"], tmp_path / "b" / "result_2.json", **OPTIONS)) == ["result_2.json"]
    assert sorted(["a10", "a9", "a1"], key=natural) == ["a1", "a9", "a10"]


def test_a_file_is_taken_whatever_its_name(tmp_path) -> None:
    (tmp_path / "renamed").write_text("{}")
    assert names(find(["result_*.json"], tmp_path / "renamed", **OPTIONS)) == ["renamed"]


def test_names_that_will_do(tmp_path) -> None:
    (tmp_path / "my_table.json").write_text("{}")
    assert names(find(["table.json"], tmp_path, renamed=["*table.json"], **OPTIONS)) == ["my_table.json"]
    (tmp_path / "table.json").write_text("{}")
    assert names(find(["table.json"], tmp_path, renamed=["*table.json"], **OPTIONS)) == ["table.json"]


def test_the_environment_names_the_folder(tmp_path, monkeypatch) -> None:
    (tmp_path / "x.json").write_text("{}")
    monkeypatch.setenv("ARCHCAST_DATA", str(tmp_path))
    assert names(find(["x.json"], None, **OPTIONS)) == ["x.json"]
    monkeypatch.delenv("ARCHCAST_DATA")
    with pytest.raises(DataNotFoundError, match=r"'mine' needs x\.json, and \$ARCHCAST_DATA is not set\. Download it"):
        find(["x.json"], None, **OPTIONS)
    with pytest.raises(DataNotFoundError, match=r"which is not in '/nowhere'"):
        find(["x.json"], tmp_path.__class__("/nowhere"), **OPTIONS)
    assert find(["y.json"], tmp_path, optional=True, **OPTIONS) == []


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_archives(tmp_path, kind) -> None:
    path = tmp_path / f"some.{kind}"
    members = {
        "a/result_2.json": b"[2]",
        "a/result_10.json": b"[10]",
        "a/deep/result_1.json.gz": gzip.compress(b"[1]"),
        "x": b"",
    }
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, f"w:{kind.partition('.')[2]}") as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    for where, options in ((path, {}), (tmp_path, {"archives": ["some.*"]})):
        parts = find(["result_*.json"], where, **options, **OPTIONS)
        read = dict(contents(parts))
        assert [read[part] for part in parts] == [b"[1]", b"[2]", b"[10]"]
    assert names(find(["result_*.json"], tmp_path, **OPTIONS)) == sorted(names(parts), key=natural), "of any name"
    assert find(["result_*.json"], tmp_path, optional=True, **OPTIONS) == [], "what may be missing, by name only"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InvalidFileError, match=r"some\..* is damaged"):
        list(contents(find(["result_*.json"], path, **OPTIONS)))


def test_names_in_other_letters_and_the_only_file_of_an_archive(tmp_path) -> None:
    (tmp_path / "Result_7.JSON").write_text("{}")
    assert names(find(["result_*.json"], tmp_path, **OPTIONS)) == ["Result_7.JSON"]
    (tmp_path / "result_8.json").write_text("{}")
    assert names(find(["result_*.json"], tmp_path, **OPTIONS)) == ["result_8.json"]
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("renamed.txt", "[1]")
        archive.writestr("__MACOSX/._renamed.txt", "x")
    (part,) = find(["result_*.json"], tmp_path / "one.zip", **OPTIONS)
    assert part.read() == b"[1]"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["x.json", "x.json.gz", "x.json.bz2", "x.json.xz"])
def test_a_file_is_unpacked_whatever_its_name(tmp_path, name, pack) -> None:
    (tmp_path / name).write_bytes(pack(b'{"a": 1}'))
    (part,) = find(["x.json"], tmp_path, **OPTIONS)
    assert part.read() == b'{"a": 1}'
    assert Path(part.name).name == "x.json"
    with unpacked(part) as plain:
        assert plain.path.read_bytes() == b'{"a": 1}'
    assert beginning(part, 3) == b'{"a'


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".pbz2", bz2.compress)])
def test_what_is_unpacked_is_bounded(tmp_path, suffix, pack) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(pack(b"a" * 1000))
    assert Part(path).read() == Part(path).read(1000) == b"a" * 1000
    with pytest.raises(InvalidFileError, match="holds more than 999 bytes unpacked"):
        Part(path).read(999)
    if suffix:
        path.write_bytes(pack(b"a" * 1000)[:-5])
        with pytest.raises(InvalidFileError, match="is damaged"):
            Part(path).read()


@pytest.mark.parametrize("where", ["file", "folder"])
def test_an_archive_within_an_archive_is_named_and_not_unpacked(tmp_path, where) -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        member = tarfile.TarInfo("data.json")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"{}"))
    outer = tmp_path / "a.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner/b.tar.gz", inner.getvalue())
    says = "a.zip' holds another archive, 'inner/b.tar.gz'. Unpack the outer one, and give its folder"
    with pytest.raises(InvalidFileError, match=says):
        find(["data.json"], outer if where == "file" else tmp_path, benchmark="b", get="Get it.")
    with zipfile.ZipFile(outer, "a") as archive:
        archive.writestr("data.json", "{}")  # what is wanted lies beside it
    assert [part.inside for part in find(["data.json"], outer, benchmark="b", get="Get it.")] == ["data.json"]


def test_json(tmp_path) -> None:
    part = Part(tmp_path / "x.json")
    assert read_json(part, b'{"a": NaN}')["a"] != 0
    with pytest.raises(InvalidFileError, match=r"x\.json' is not JSON: .* \(byte 6\)"):
        read_json(part, b'{"a": }')
    for data in (b"[" * 100_000, b"\xff\xfe", b"1" * 10_000):
        with pytest.raises(InvalidFileError, match="is not JSON"):
            read_json(part, data)


def test_errors_of_the_shape_name_the_file() -> None:
    for error in (KeyError("top1"), TypeError("x"), RecursionError("deep"), MemoryError(), IndexError("i")):
        with pytest.raises(InvalidFileError, match=r"^'f' is not a table of X: "), reading("'f'", "a table of X"):
            raise error


@pytest.mark.parametrize("wrong", [[], None, 3, "text", {"a": 3}])
def test_values_of_another_shape_are_told_in_words(wrong) -> None:
    with pytest.raises(InvalidFileError) as caught, reading("'f'", "a table of X"):
        wrong["a"].get("b")
    assert str(caught.value) == "'f' is not a table of X: its values have another shape."


def test_errors_name_the_packed_file_and_not_its_copy(tmp_path) -> None:
    path = tmp_path / "x.pth.gz"
    path.write_bytes(gzip.compress(b"nothing"))
    message = r"x\.pth\.gz' is not a file of torch\.save"
    with pytest.raises(InvalidFileError, match=message), unpacked(Part(path)) as plain:
        read_torch(plain.path)

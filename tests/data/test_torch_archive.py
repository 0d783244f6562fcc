"""Both containers of ``torch.save``, written by torch itself and by hand, damaged and hostile."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch

from archcast.data._torch_archive import MAGIC, read_torch
from archcast.errors import InvalidFileError

VALUE = {
    "weights": torch.arange(12.0).reshape(3, 4).t(),
    "numbers": torch.tensor([1, 2, 3]),
    "half": torch.tensor([1.5], dtype=torch.float16),
    "bool": torch.tensor([True, False]),
    "empty": torch.zeros(0, 3),
    "scalar": np.float64(2.5),
    "names": ["a", ("b", 3)],
}


@pytest.fixture(params=[True, False], ids=["zip", "older"])
def file(tmp_path, request):
    path = tmp_path / "x.pth"
    torch.save(VALUE, path, _use_new_zipfile_serialization=request.param)
    return path


def test_what_torch_writes(file) -> None:
    read = read_torch(file)
    for name in ("weights", "numbers", "half", "bool", "empty"):
        np.testing.assert_array_equal(np.asarray(read[name]), VALUE[name].numpy())
    assert read["scalar"] == 2.5
    assert read["names"] == ["a", ("b", 3)]


def test_cut_anywhere(file) -> None:
    whole = file.read_bytes()
    step = max(1, len(whole) // 300)
    for size in range(0, len(whole) - 1, step):
        file.write_bytes(whole[:size])
        with pytest.raises(InvalidFileError, match=r"x\.pth"):
            read_torch(file)


def test_a_thousand_mutations(file, capsys) -> None:
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    refused = 0
    for k in range(1000):
        data = bytearray(whole)
        at = int(rng.integers(len(data)))
        data[at] = int(rng.integers(256)) if k % 2 else data[at] ^ (1 << int(rng.integers(8)))
        file.write_bytes(bytes(data))
        message = ""
        try:
            value = read_torch(file)
            np.asarray(value["weights"]) if isinstance(value, dict) and "weights" in value else None
        except InvalidFileError as error:
            message = str(error)
        except ValueError as error:  # a tensor whose shape was changed
            message = str(error)
        refused += bool(message)
        assert "\n" not in message
    assert refused > 100
    assert capsys.readouterr().out == ""


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def archive(**members) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(name, data)
    return buffer.getvalue()


def test_hostile_archives(tmp_path, capsys, monkeypatch) -> None:
    path = tmp_path / "x.pth"
    evil = pickle.dumps(Evil(), protocol=2)
    head = b"".join(pickle.dumps(part, protocol=2) for part in (1001, {"little_endian": True}))
    tensor = b"\x80\x02((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ%stQt."
    for data, message in (
        (archive(**{"a/data.pkl": evil}), "asks for __builtin__.print"),
        (MAGIC + head + evil, "asks for __builtin__.print"),
        (archive(**{"a/data.pkl": evil, "b/data.pkl": evil}), "holds 2 data.pkl"),
        (archive(**{"a/version": b"3"}), "holds 0 data.pkl"),
        (b"hello", "is not a file of torch.save"),
        (b"", "is not a file of torch.save"),
        (MAGIC + pickle.dumps(1002, protocol=2) + pickle.dumps({"little_endian": True}, protocol=2), "another version"),
        (archive(**{"a/data.pkl": tensor % struct.pack("<i", -1)}), "says that it holds -1 numbers"),
        (archive(**{"a/data.pkl": tensor % struct.pack("<i", 2**31 - 1)}), "says that it holds 2147483647 numbers"),
        (archive(**{"a/data.pkl": tensor % struct.pack("<i", 3)}), "damaged zip archive"),
        (archive(**{"a/data.pkl": tensor % struct.pack("<i", 3), "a/data/0": b"x" * 13}), "13 bytes, another size"),
    ):
        path.write_bytes(data)
        with pytest.raises(InvalidFileError, match=message):
            read_torch(path)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("archcast.data._torch_archive.MAX_TENSOR_BYTES", 1000)
    path.write_bytes(archive(**{"a/data.pkl": b"\0" * 100_000}))
    with pytest.raises(InvalidFileError, match="unpacks to 100,000 bytes, which is too much"):
        read_torch(path)


def test_a_small_storage_that_looks_large(tmp_path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"x": torch.zeros(1).expand(5)}, path)
    assert np.asarray(read_torch(path)["x"]).tolist() == [0] * 5
    torch.save({"x": torch.zeros(1).expand(1 << 40)}, path)
    with pytest.raises(InvalidFileError, match="a tensor is too large"):
        read_torch(path)


def test_a_stored_member_is_read_from_the_map(tmp_path, monkeypatch) -> None:
    """Too large for memory it stays in the file; its header may have an extra field of its own."""
    path = tmp_path / "x.pth"
    torch.save({"names": ["a"] * 100}, path)
    monkeypatch.setattr("archcast.data._torch_archive.MAX_TENSOR_BYTES", 50)
    assert read_torch(path) == {"names": ["a"] * 100}

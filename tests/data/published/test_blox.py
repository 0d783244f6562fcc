"""BLOX in its three forms, written by the description of each."""

from __future__ import annotations

import csv
import io
import pickle
import zlib

import numpy as np
import pytest

from archcast.data.base import load_benchmark
from archcast.errors import DataNotFoundError, InvalidFileError

EPOCHS = 7
HEAD = """---
version: 1
search_space:
  shape:
  - &id001
    - - 3
    - - 3
      - 2
      - 2
      - 2
  - *id001
  nodes: 2
  stages: 3
  ops:
  - conv
  - mbconv
  - bconv
dataset_type: {kind}
columns:
{columns}
{more}format: {format}
"""
TYPES = {
    "model_hash": "hash", "arch_vec": "arch", "params": "int", "flops": "int", "train_time_s": "int", "device": "str",
    "gpu": "str", "torch": "str",
    "val_top1": "list[b_100_4000_13]", "test_top1": "b_2000_9000_16", "train_loss": "list[float]", "latency": "float",
}  # fmt: skip


def packed(columns, rows) -> bytes:
    """Bit by bit, in the manner of the release: a column begins at a byte."""
    out = bytearray(len(rows).to_bytes(4, "little"))

    def field(value, kind, name):
        if kind == "hash":
            return [(int(value, 16), 128)]
        if kind == "str":
            return [(len(value), 8), *((ord(letter), 8) for letter in value)]
        if kind == "float":
            return [(round(value * 1e6), 24)]
        if kind == "int":
            return [(value, 32)]
        if kind == "arch":
            return [((((a * 3 + b) << 3) | (i << 2) | (j << 1) | k), 8) for (a,), (b, i, j, k) in value]
        if kind.startswith("list["):
            return [(len(value), 8), *(bit for item in value for bit in field(item, kind[5:-1], name))]
        least, _, bits = map(int, kind[2:].split("_"))
        images = 5000 if "val" in name else 10000
        return [(round(value * images / 100) - least, bits)]

    for row in rows:
        for name, value in zip(columns, row):
            number = length = 0
            for part, bits in field(value, TYPES[name], name):
                number |= part << length
                length += bits
            out += number.to_bytes((length + 7) // 8, "little")
    return zlib.compress((8 * len(out)).to_bytes(8, "little") + bytes(out))


def write(path, kind, columns, rows, **more) -> None:
    form = {".blox": "custom", ".csv": "csv", ".pickle": "pickle"}[path.suffix]
    extra = "".join(f"{key}: {value}\n" for key, value in more.items())
    head = HEAD.format(kind=kind, columns="\n".join(f"- {name}" for name in columns), more=extra, format=form)
    if form == "custom":
        head += "column_types:\n" + "".join(f"  {name}: {TYPES[name]}\n" for name in columns)
        body = packed(columns, rows)
    elif form == "csv":
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        body = text.getvalue().encode()
    else:
        body = pickle.dumps(rows)
    path.write_bytes(head.encode() + b"---\n" + body)


@pytest.fixture
def tables(rng):
    cells = [[[int(rng.integers(3))], [int(rng.integers(3)), *map(int, rng.integers(0, 2, 3))]] for _ in range(30)]
    archs = [cells[3 * i : 3 * i + 3] for i in range(10)]
    hashes = [f"{int(rng.integers(1 << 60)):032x}" for _ in archs]
    info = [[code, 1000 + i, 500_000 + i, arch] for i, (code, arch) in enumerate(zip(hashes, archs))]
    base = [
        [code, [round(int(v) / 5000 * 100, 3) for v in rng.integers(100, 4000, EPOCHS)],
         round(int(rng.integers(2000, 9000)) / 100, 3), 3600 + i]
        for i, code in enumerate(hashes[:9])
    ]  # fmt: skip
    ext = [[code, [round(float(v), 6) for v in rng.random(EPOCHS)]] for code in hashes[:9]]
    bench = [[code, round(0.01 * (i + 1), 6)] for i, code in enumerate(hashes)]
    return archs, info, base, ext, bench


def write_all(folder, tables, ending) -> None:
    _, info, base, ext, bench = tables
    write(folder / f"blox-info{ending}", "static", ["model_hash", "params", "flops", "arch_vec"], info)
    columns = ["model_hash", "val_top1", "test_top1", "train_time_s"]
    write(folder / f"blox-base-0{ending}", "training", columns, base, seed=0, epochs=EPOCHS, part="base")
    write(folder / f"blox-ext-0{ending}", "training", ["model_hash", "train_loss"], ext, seed=0, part="ext")
    write(folder / f"blox-bench-gpu{ending}", "benchmarking", ["model_hash", "latency"], bench, device="gpu")
    machines = [[code, "2080 Ti", "1.10.0+cu113"] for code in (row[0] for row in info)]
    write(folder / f"blox-env-0{ending}", "env", ["model_hash", "gpu", "torch"], machines, seed=0)


@pytest.mark.parametrize("ending", [".blox", ".csv", ".pickle"])
def test_every_form(tmp_path, tables, ending) -> None:
    archs, info, base, ext, bench = tables
    write_all(tmp_path, tables, ending)
    made = load_benchmark("blox", tmp_path)
    assert len(made) == 9
    assert made.left_out == "1 architectures without training"
    np.testing.assert_allclose(made.scores(), [row[1][-1] for row in base], atol=6e-4)
    np.testing.assert_allclose(made.scores("test_top1"), [row[2] for row in base], atol=6e-4)
    np.testing.assert_allclose(made.curves["val_top1"], [row[1] for row in base], atol=6e-4)
    np.testing.assert_allclose(made.curves["train_loss"], [row[1] for row in ext], atol=1e-6)
    np.testing.assert_allclose(made.costs["latency_gpu"], [row[1] for row in bench[:9]])
    np.testing.assert_allclose(made.costs["params"], [row[1] for row in info[:9]])
    np.testing.assert_allclose(made.train_seconds, [row[3] for row in base])
    for row, arch in zip(made.archs, archs):
        assert row.tolist() == [number for (a,), (b, *links) in arch for number in (a, b, *links)]


@pytest.mark.parametrize("ending", [".blox", ".csv", ".pickle"])
def test_trainings_of_different_length(tmp_path, tables, ending) -> None:
    archs, info, base, ext, bench = tables
    base[3][1] = base[3][1][:-2]
    write_all(tmp_path, (archs, info, base, ext, bench), ending)
    made = load_benchmark("blox", tmp_path)
    assert np.isnan(made.curves["val_top1"][3, -2:]).all()
    np.testing.assert_allclose(made.scores(), [row[1][-1] for row in base], atol=6e-4)
    for row, curve in zip(base, made.curves["val_top1"]):
        np.testing.assert_allclose(curve[: len(row[1])], row[1], atol=6e-4)


def test_two_seeds_are_a_mean(tmp_path, tables) -> None:
    write_all(tmp_path, tables, ".csv")
    columns = ["model_hash", "val_top1", "test_top1", "train_time_s"]
    other = [[code, [v + 2 for v in curve], test - 1, s] for code, curve, test, s in tables[2][:5]]
    write(tmp_path / "blox-base-1.csv", "training", columns, other, seed=1, part="base")
    made = load_benchmark("blox", tmp_path)
    first = np.array([row[1][-1] for row in tables[2]])
    np.testing.assert_allclose(made.scores(), first + np.where(np.arange(9) < 5, 1, 0), atol=1e-9)
    np.testing.assert_allclose(made.scores("val_top1_seed0"), first)
    assert np.isnan(made.scores("val_top1_seed1")[5:]).all()


def test_what_is_missing(tmp_path, tables) -> None:
    write_all(tmp_path, tables, ".blox")
    (tmp_path / "blox-info.blox").unlink()
    with pytest.raises(DataNotFoundError, match="holds no blox-info"):
        load_benchmark("blox", tmp_path)


@pytest.mark.parametrize("ending", [".blox", ".csv", ".pickle"])
def test_damage_is_an_error_that_names_the_file(tmp_path, tables, ending) -> None:
    write_all(tmp_path, tables, ending)
    path = tmp_path / f"blox-base-0{ending}"
    whole = path.read_bytes()
    for cut in (0, 3, 200, whole.find(b"---\n", 4) + 4, len(whole) - 9):
        path.write_bytes(whole[:cut])
        with pytest.raises((InvalidFileError, DataNotFoundError), match=r"blox|BLOX"):
            load_benchmark("blox", tmp_path)
    body = whole.find(b"---\n", 4) + 4
    path.write_bytes(whole[:body] + zlib.compress(bytes(8) + b"\xff\xff\xff\x7f" + bytes(50)))
    with pytest.raises(InvalidFileError, match="blox-base-0"):
        load_benchmark("blox", tmp_path)

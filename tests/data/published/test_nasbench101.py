"""NAS-Bench-101: TFRecords as the benchmark writes them, NASLib's pickle, and the table with proxies."""

from __future__ import annotations

import base64
import json
import pickle
import struct

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.data._tfrecord import crc32c, masked
from archcast.data.published import nasbench101
from archcast.data.published.nasbench101 import module_hash
from archcast.errors import InvalidFileError

SPACE = archcast.get_space("nasbench101")
LENGTHS = (4, 12, 36, 108)


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def message(evaluations, params, seconds, checkpoint=None) -> bytes:
    out = b""
    for values in evaluations:
        body = b"".join(bytes([8 * (k + 1) + 1]) + struct.pack("<d", value) for k, value in enumerate(values))
        if checkpoint:
            body += b"\x32" + varint(len(checkpoint)) + checkpoint
        out += b"\x0a" + varint(len(body)) + body
    return out + b"\x10" + varint(params) + b"\x19" + struct.pack("<d", seconds)


def record(code, epochs, text, packed) -> bytes:
    lines, _, names = text.partition("|")
    fields = [code, epochs, lines.replace(";", ""), names, base64.encodebytes(packed).decode()]
    return json.dumps(fields).encode()


def write(path, records) -> None:
    bodies = [struct.pack("<Q", len(r)) for r in records]
    crcs = zip(masked(crc32c(bodies)), masked(crc32c(records)))
    path.write_bytes(
        b"".join(h + struct.pack("<I", a) + r + struct.pack("<I", b) for h, r, (a, b) in zip(bodies, records, crcs))
    )


@pytest.fixture
def cells(rng):
    """Some cells of two to seven nodes: text, hash, parameters and evaluations by length and run."""
    texts = ["01;00|input,output", "011;001;000|input,maxpool3x3,output"]
    texts += list(dict.fromkeys(SPACE.format(SPACE.sample(9, rng))))
    out = []
    for k, text in enumerate(texts):
        runs = {
            epochs: [
                [[0.0, 0.0, 0.1, 0.1, 0.1], *([epochs * part, *rng.random(4)] for part in (0.5, 1.0))] for _ in range(3)
            ]
            for epochs in LENGTHS
        }
        out.append((text, module_hash(text), int(10 ** (3 + k % 5)), runs))
    return out


def records_of(cells, lengths, rng, **options):
    out = [
        record(code, epochs, text, message(run, params, 99.5, **options))
        for text, code, params, runs in cells
        for epochs in lengths
        for run in runs[epochs]
    ]
    return [out[k] for k in rng.permutation(len(out))]


@pytest.mark.parametrize("checkpoint", [None, b"gs://bucket/model.ckpt"])
@pytest.mark.parametrize("lengths", [(108,), LENGTHS])
def test_records_in_any_order(tmp_path, rng, cells, lengths, checkpoint, monkeypatch) -> None:
    monkeypatch.setattr(nasbench101, "RECORDS_A_SHARD", 20)
    name = "nasbench_full.tfrecord" if len(lengths) > 1 else "nasbench_only108.tfrecord"
    write(tmp_path / name, records_of(cells, lengths, rng, checkpoint=checkpoint))
    benchmark = archcast.load_benchmark("nasbench101", path=tmp_path)
    assert len(benchmark) == len(cells)
    by_text = {text: k for k, text in enumerate(SPACE.format(benchmark.archs))}
    for text, _, params, runs in cells:
        row = by_text[text]
        assert benchmark.costs["params"][row] == params
        for epochs in lengths:
            suffix = "" if epochs == 108 else f"_{epochs}ep"
            for name, place in (("val_accuracy", 3), ("test_accuracy", 4)):
                final = [run[2][place] for run in runs[epochs]]
                assert benchmark.scores(name + suffix)[row] == pytest.approx(np.mean(final), rel=1e-12)
                mine = [benchmark.scores(f"{name}{suffix}_run{k}")[row] for k in (1, 2, 3)]
                assert sorted(mine) == sorted(final)
                half = np.mean([run[1][place] for run in runs[epochs]])
                assert benchmark.scores(f"{name}{suffix}_half")[row] == pytest.approx(half, rel=1e-12)
        assert benchmark.scores("val_accuracy_median")[row] == np.median([run[2][3] for run in runs[108]])
        assert benchmark.train_seconds[row] == pytest.approx(np.mean([run[2][1] for run in runs[108]]))
    assert benchmark.left_out.endswith("cells that the file does not hold")


def test_a_run_that_is_not_there(tmp_path, rng, cells) -> None:
    records = [
        record(code, 108, text, message(run, params, 1.0))
        for k, (text, code, params, runs) in enumerate(cells)
        for run in runs[108][: 1 if k == 4 else 3]
    ]
    write(tmp_path / "nasbench_only108.tfrecord", records)
    benchmark = archcast.load_benchmark("nasbench101", tmp_path)
    assert np.isnan(benchmark.scores("test_accuracy_run3")).nonzero()[0].tolist() == [4]
    assert (
        benchmark.scores("val_accuracy")[4] == benchmark.scores("val_accuracy_median")[4] == cells[4][3][108][0][2][3]
    )


def test_median_and_failed_runs(tmp_path, cells) -> None:
    """A run that failed to train pulls the mean down and leaves the median as it is."""
    text, code, params, _ = cells[0]
    runs = [[[0.0] * 5, [54.0, 1.0, 0.5, 0.5, 0.5], [108.0, 2.0, 0.9, value, value]] for value in (0.10, 0.93, 0.92)]
    write(tmp_path / "x.tfrecord", [record(code, 108, text, message(run, params, 1.0)) for run in runs])
    benchmark = archcast.load_benchmark("nasbench101", tmp_path / "x.tfrecord")
    assert benchmark.scores("test_accuracy")[0] == pytest.approx(0.65)
    assert benchmark.scores("test_accuracy_median")[0] == 0.92


@pytest.mark.parametrize(
    ("change", "message_"),
    [
        (lambda f: f.__setitem__(1, 5), "it has 5 epochs"),
        (lambda f: f.__setitem__(2, "01"), "has 2 digits"),
        (lambda f: f.__setitem__(2, f[2][::-1]), "not upper triangular"),
        (lambda f: f.__setitem__(3, f[3].replace("input", "output")), "do not begin with input"),
        (lambda f: f.__setitem__(3, f[3].replace("maxpool3x3", "avgpool")), "no 'avgpool'"),
        (lambda f: f.__setitem__(0, "abc"), "is not one of NAS-Bench-101"),
        (lambda f: f.__setitem__(4, "AAAA"), "is not one of NAS-Bench-101"),
        (lambda f: f.__setitem__(4, base64.b64encode(b"\x0a\xff\xff\xff\x7f").decode()), "ends in the middle"),
        (lambda f: f.__setitem__(4, base64.b64encode(b"\x10" + b"\xff" * 12).decode()), "too long"),
        (lambda f: f.pop(), "is not one of NAS-Bench-101"),
    ],
)
def test_records_of_another_shape(tmp_path, rng, cells, change, message_) -> None:
    fields = json.loads(record(cells[1][1], 108, cells[1][0], message(cells[1][3][108][0], 5, 1.0)))
    good = json.dumps(fields).encode()
    change(fields)
    write(tmp_path / "x.tfrecord", [good, json.dumps(fields).encode()])
    with pytest.raises(InvalidFileError, match=rf"the record at byte {len(good) + 16},.*{message_}"):
        archcast.load_benchmark("nasbench101", tmp_path / "x.tfrecord")


def test_a_cell_of_more_than_nine_edges_names_the_benchmark(tmp_path, cells) -> None:
    text = "0111111;0011111;0001111;0000111;0000011;0000001;0000000|input," + "maxpool3x3," * 5 + "output"
    write(tmp_path / "x.tfrecord", [record("0" * 32, 108, text, message(cells[0][3][108][0], 5, 1.0))])
    with pytest.raises(
        InvalidFileError, match=r"The files of benchmark 'nasbench101' have another shape: .* is not an arch"
    ):
        archcast.load_benchmark("nasbench101", tmp_path / "x.tfrecord")


def test_damaged_files(tmp_path, rng, cells, survives) -> None:
    file = tmp_path / "nasbench_only108.tfrecord"
    write(file, records_of(cells[:3], (108,), rng))
    assert survives(file, lambda: archcast.load_benchmark("nasbench101", tmp_path)) >= 55


def naslib(cells):
    table = {}
    for text, code, params, runs in cells:
        lines, _, names = text.partition("|")
        matrix = np.array([list(map(int, line)) for line in lines.split(";")])
        fixed = {"module_adjacency": matrix, "module_operations": names.split(","), "trainable_parameters": params}
        keys = ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
        some = [
            {
                f"{when}_{key}": value
                for when, k in (("halfway", 1), ("final", 2))
                for key, value in zip(keys, run[k][1:])
            }
            for run in runs[108]
        ]
        table[code] = (fixed, {108: some})
    return table


def test_naslib_pickle_is_the_same_data(tmp_path, rng, cells, survives) -> None:
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / "nasbench_only108.tfrecord", [
        record(code, 108, text, message(run, params, 9.0)) for text, code, params, runs in cells for run in runs[108]
    ])  # fmt: skip
    file = tmp_path / "nasbench_only108.pkl"
    file.write_bytes(pickle.dumps(naslib(cells), protocol=4))
    one, other = archcast.load_benchmark("nasbench101", tmp_path / "a"), archcast.load_benchmark("nasbench101", file)
    np.testing.assert_array_equal(one.archs, other.archs)
    assert list(one.metrics) == list(other.metrics)
    for name, values in one.metrics.items():
        np.testing.assert_array_equal(values, other.metrics[name])
    assert survives(file, lambda: archcast.load_benchmark("nasbench101", file)) > 20


@pytest.mark.parametrize("file", ["DERIVED_only108_30archs.tfrecord", "naslib_nb101_30.pkl"])
def test_real_cells(shared, file) -> None:
    folder = shared / "formats" / "nasbench101"
    benchmark = archcast.load_benchmark("nasbench101", folder / file)
    assert len(benchmark) == 30
    with open(folder / "naslib_nb101_30.pkl", "rb") as stream:
        table = pickle.load(stream)
    assert [module_hash(text) for text in SPACE.format(benchmark.archs)] == list(table)
    runs = [computed[108] for _, computed in table.values()]
    np.testing.assert_array_equal(benchmark.scores("test_accuracy_run2"), [r[1]["final_test_accuracy"] for r in runs])


def test_first_record_of_the_official_file(shared) -> None:
    benchmark = archcast.load_benchmark(
        "nasbench101", shared / "formats" / "nasbench101" / "nasbench_full_first_record.tfrecord"
    )
    assert module_hash(SPACE.format(benchmark.archs)[0]) == "00005c142e6f48ac74fdcf73e3439874"
    assert benchmark.costs["params"].tolist() == [8_555_530]
    assert benchmark.default_metric == "val_accuracy_4ep"
    assert benchmark.scores()[0] == pytest.approx(0.348958, abs=5e-7)
    assert benchmark.scores("test_accuracy_4ep")[0] == pytest.approx(0.350461, abs=5e-7)


# -- the table ---------------------------------------------------------------------------------------------------------


def test_table(tmp_path) -> None:
    table = pd.DataFrame(
        {
            "adjacency": ["0110;0010;0001;0000", "0110;0010;0001;0000", "01;00"],
            "ops": ["0431", "0341", "01"],
            "val_acc": [90.5, np.nan, 80.0],
            "synflow": [1.0, 2.0, -1e8],
        }
    )
    table.to_csv(tmp_path / "nb101.csv.gz", index=False)
    benchmark = archcast.load_benchmark("nasbench101", tmp_path)
    assert benchmark.scores().tolist() == [90.5, 80.0]
    assert benchmark.left_out == "1 cells without val_acc"
    assert SPACE.format(benchmark.archs)[0] == "0110;0010;0001;0000|input,conv3x3-bn-relu,conv1x1-bn-relu,output"
    np.testing.assert_array_equal(benchmark.proxies["synflow"], [1.0, np.nan])
    table.loc[2, "ops"] = "09"
    table.to_csv(tmp_path / "nb101.csv.gz", index=False)
    with pytest.raises(InvalidFileError, match=r"nb101\.csv\.gz', line 4: "):
        archcast.load_benchmark("nasbench101", tmp_path)


def test_published_twins_differ_by_noise_only(shared) -> None:
    """Isomorphic cells are one network in NAS-Bench-101, trained three times: they differ by a repeat at most."""
    benchmark = archcast.load_benchmark("nasbench101", shared / "benchmarks")
    classes = pd.Series([str(row) for row in SPACE.canonical(benchmark.archs).tolist()])
    groups = pd.Series(benchmark.scores()).groupby(classes)
    assert len(groups) < 400
    assert groups.nunique().max() <= 3


def test_a_message_that_ends_inside_a_number_is_refused(tmp_path) -> None:
    """With right checksums: the record is whole, the message in it is not."""
    message = base64.encodebytes(b"\x0a\x2d" + b"\x09" * 3).decode()
    fields = ["0" * 32, 108, "0100", "input,output", message]
    for text in (message, base64.encodebytes(b"\x19\x00\x00").decode(), base64.encodebytes(b"\x1d\x00").decode()):
        fields[4] = text
        data = json.dumps(fields).encode()
        length = len(data).to_bytes(8, "little")
        sums = [int(masked(crc32c([part]))[0]).to_bytes(4, "little") for part in (length, data)]
        (tmp_path / "nasbench_only108.tfrecord").write_bytes(length + sums[0] + data + sums[1])
        with pytest.raises(InvalidFileError, match="the record at byte 0"):
            archcast.load_benchmark("nasbench101", tmp_path)

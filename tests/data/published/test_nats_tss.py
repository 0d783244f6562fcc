"""NATS-Bench: a pickle an architecture, and one for all."""

from __future__ import annotations

import bz2
import pickle
import resource

import numpy as np
import pytest

import archcast
from archcast.data.published import _gather
from archcast.data.published._gather import keeping
from archcast.errors import DataNotFoundError, InvalidFileError

SPACE = archcast.get_space("nasbench201")
N = 5


@pytest.fixture
def folder(tmp_path, rng, nats_arch):
    here = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    here.mkdir()
    texts = SPACE.format(SPACE.sample(N, rng))
    tables = []
    for k, text in enumerate(texts):
        seeds = (777, 888, 999) if k != 2 else (777,)
        table = nats_arch(rng, 3 * k, text, {"12": 12, "200": 30}, seeds=seeds, last_only=("200",))
        for hp, info in table.items():
            for run in info["all_results"].values():
                run["epochs"] = int(hp)
        tables.append(_stretch(table))
        (here / f"{3 * k:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(tables[-1], protocol=4)))
    names = [texts[k // 3] if k % 3 == 0 else "|none~0|" for k in range(3 * N)]
    meta = {"meta_archs": names, "total_archs": 3 * N, "arch2infos": None, "evaluated_indexes": set()}
    (here / "meta.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(meta, protocol=4)))
    return tmp_path, tables


def _stretch(table):
    """Make the 30 epochs of the test's runs the last of 200, so that files stay small while they are written."""
    for run in table["200"]["all_results"].values():
        for key in ("train_acc1es", "train_acc5es", "train_losses", "train_times"):
            run[key] = {e: run[key].get(e - 170, 1.0) for e in range(200)}
        for key in ("eval_acc1es", "eval_losses", "eval_times"):
            last = {name.split("@")[0]: value for name, value in run[key].items()}
            curve = next(iter(last))
            values = {f"{curve}@{e}": run[key].get(f"{curve}@{e - 170}", 2.0) for e in range(200)}
            run[key] = values | {f"{name}@199": value for name, value in last.items() if name != curve}
    return table


def last(table, hp, dataset, name):
    runs = table[hp]["all_results"]
    return {seed: run["eval_acc1es"][f"{name}@{int(hp) - 1}"] for (d, seed), run in runs.items() if d == dataset}


@pytest.mark.parametrize(
    ("task", "metric", "dataset", "name"),
    [
        ("cifar10", "val_accuracy", "cifar10-valid", "x-valid"),
        ("cifar10", "test_accuracy_half_train", "cifar10-valid", "ori-test"),
        ("cifar10", "test_accuracy", "cifar10", "ori-test"),
        ("cifar100", "val_accuracy", "cifar100", "x-valid"),
        ("cifar100", "test_accuracy", "cifar100", "x-test"),
        ("imagenet16-120", "val_accuracy", "ImageNet16-120", "x-valid"),
        ("imagenet16-120", "test_accuracy", "ImageNet16-120", "x-test"),
    ],
)
def test_metrics_are_named_for_what_they_are(folder, task, metric, dataset, name) -> None:
    path, tables = folder
    benchmark = archcast.load_benchmark(f"nats-tss/{task}", path=path)
    assert SPACE.format(benchmark.archs) == [table["12"]["arch_str"] for table in tables]
    for suffix, hp in (("", "200"), ("_12ep", "12")):
        values = [last(table, hp, dataset, name) for table in tables]
        np.testing.assert_allclose(
            benchmark.scores(metric + suffix), [np.mean([*v.values()]) for v in values], rtol=1e-12
        )
        seeds = [v.get(999, np.nan) for v in values]
        np.testing.assert_array_equal(benchmark.scores(f"{metric}{suffix}_seed999"), seeds)
    assert np.isnan(benchmark.scores(f"{metric}_seed999")).tolist() == [False, False, True, False, False]
    assert (benchmark.default_metric, benchmark.test_metric) == ("val_accuracy", "test_accuracy")


def test_curves_of_validation_and_test_together_are_called_so(folder) -> None:
    path, tables = folder
    benchmark = archcast.load_benchmark("nats-tss/cifar100", path)
    assert {"val_and_test_accuracy", "val_accuracy_12ep"} < set(benchmark.curves)
    assert "val_accuracy" not in benchmark.curves
    runs = [[r["eval_acc1es"] for (d, _), r in t["200"]["all_results"].items() if d == "cifar100"] for t in tables]
    expected = [np.mean([[run[f"ori-test@{e}"] for e in range(200)] for run in some], axis=0) for some in runs]
    np.testing.assert_allclose(benchmark.curves["val_and_test_accuracy"], expected, rtol=1e-6)
    of_cifar10 = archcast.load_benchmark("nats-tss/cifar10", path).curves
    assert of_cifar10["val_accuracy"].shape == of_cifar10["test_accuracy"].shape == (N, 200)
    assert "test_accuracy_half_train" not in of_cifar10, "known at the last epoch only"


def test_costs_and_seconds(folder) -> None:
    """Parameters differ between seeds by an old fault: seed 888 is right."""
    path, tables = folder
    benchmark = archcast.load_benchmark("nats-tss/cifar100", path)
    runs = [{s: r for (d, s), r in t["200"]["all_results"].items() if d == "cifar100"} for t in tables]
    np.testing.assert_array_equal(benchmark.costs["params"], [some.get(888, some[777])["params"] for some in runs])
    np.testing.assert_array_equal(benchmark.costs["flops"], [some.get(888, some[777])["flop"] for some in runs])
    np.testing.assert_allclose(benchmark.costs["latency"], 0.02)
    seconds = [np.mean([sum(run["train_times"].values()) for run in some.values()]) for some in runs]
    np.testing.assert_allclose(benchmark.train_seconds, seconds)


def test_some_of_the_files(folder) -> None:
    path, _ = folder
    here = path / "NATS-tss-v1_0-3ffb9-simple"
    (here / "000003.pickle.pbz2").unlink()
    (here / "meta.pickle.pbz2").unlink()
    benchmark = archcast.load_benchmark("nats-tss/cifar10", here)
    assert len(benchmark) == N - 1
    assert benchmark.left_out == "15,621 files that are not there"
    assert len(archcast.load_benchmark("nats-tss/cifar10", here / "000006.pickle.pbz2")) == 1


def test_finished_shards_are_taken_up(folder, tmp_path, monkeypatch) -> None:
    path, _ = folder
    monkeypatch.setattr(_gather, "SHARD", 2)
    reported = []
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with keeping(scratch, lambda done, total: reported.append((done, total))):
        first = archcast.load_benchmark("nats-tss/cifar10", path)
    assert reported == [(2, 5), (4, 5), (5, 5)]
    kept = sorted(scratch.iterdir())
    assert len(kept) == 3
    kept[0].write_bytes(b"half a file")
    here = path / "NATS-tss-v1_0-3ffb9-simple"
    times = {file: file.stat().st_mtime_ns for file in kept[1:]}
    with keeping(scratch):
        again = archcast.load_benchmark("nats-tss/cifar10", here)
    assert {file: file.stat().st_mtime_ns for file in kept[1:]} == times
    np.testing.assert_array_equal(first.curves["val_accuracy"], again.curves["val_accuracy"])
    np.testing.assert_array_equal(first.scores(), archcast.load_benchmark("nats-tss/cifar10", here).scores())


def test_the_single_file(folder, tmp_path) -> None:
    path, tables = folder
    texts = [table["12"]["arch_str"] for table in tables]
    whole = {
        "meta_archs": texts,
        "total_archs": N,
        "arch2infos": {table["12"]["arch_index"]: table for table in reversed(tables)},
        "evaluated_indexes": set(range(N)),
    }
    file = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
    file.write_bytes(bz2.compress(pickle.dumps(whole, protocol=4)))
    one = archcast.load_benchmark("nats-tss/cifar100", file)
    many = archcast.load_benchmark("nats-tss/cifar100", path / "NATS-tss-v1_0-3ffb9-simple")
    np.testing.assert_array_equal(one.archs, many.archs)
    for kind in ("metrics", "curves", "costs"):
        for name, values in getattr(many, kind).items():
            np.testing.assert_array_equal(getattr(one, kind)[name], values)


def test_files_that_contradict_each_other(folder) -> None:
    path, tables = folder
    here = path / "NATS-tss-v1_0-3ffb9-simple"

    def write(table):
        (here / "000006.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(table, protocol=4)))

    for change, message in (
        (lambda t: t["200"].update(arch_index=7), "different architectures"),
        (lambda t: [info.update(arch_index=5) for info in t.values()], "which meta.pickle.pbz2 denies"),
        (lambda t: t["200"]["dataset_seed"].update(cifar10=[778]), r"no \('cifar10', 778\)"),
        (lambda t: t["200"]["all_results"]["cifar10", 777].update(epochs=250), "is filed under 200"),
        (lambda t: t["200"]["all_results"]["cifar10", 777].update(epochs=10**9), "has 1000000000 epochs"),
        (lambda t: t["200"]["all_results"]["cifar10", 777]["train_losses"].update({200: 1.0}), "epoch 200 of 200"),
        (lambda t: t.pop("200"), None),
    ):
        table = pickle.loads(pickle.dumps(tables[2]))
        change(table)
        write(table)
        if message is None:
            assert np.isnan(archcast.load_benchmark("nats-tss/cifar10", path).scores("val_accuracy")[2])
        else:
            with pytest.raises(InvalidFileError, match=message):
                archcast.load_benchmark("nats-tss/cifar10", path)


def test_hostile_files(folder, capsys) -> None:
    class Evil:
        def __reduce__(self):
            return print, ("executed",)

    path, _ = folder
    file = path / "NATS-tss-v1_0-3ffb9-simple" / "000006.pickle.pbz2"
    file.write_bytes(bz2.compress(pickle.dumps({"200": Evil()}, protocol=4)))
    with pytest.raises(InvalidFileError, match=r"000006.*it asks for builtins\.print \(byte \d+\)"):
        archcast.load_benchmark("nats-tss/cifar10", path)
    assert capsys.readouterr().out == ""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    file.write_bytes(bz2.compress(b"\0" * (1 << 24)) * 64)  # a gigabyte
    with pytest.raises(InvalidFileError, match="holds more than 16,777,216 bytes unpacked"):
        archcast.load_benchmark("nats-tss/cifar10", path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"


def test_damaged_files(folder, survives) -> None:
    path, _ = folder
    file = path / "NATS-tss-v1_0-3ffb9-simple" / "000000.pickle.pbz2"
    assert survives(file, lambda: archcast.load_benchmark("nats-tss/cifar10", file), times=30) >= 25


def test_the_archive_with_weights_is_refused(folder) -> None:
    path, _ = folder
    full = (path / "NATS-tss-v1_0-3ffb9-simple").rename(path / "NATS-tss-v1_0-3ffb9-full")
    with pytest.raises(InvalidFileError, match=r"holds the weights of all networks.*3ffb9-simple\.tar"):
        archcast.load_benchmark("nats-tss/cifar10", full)


def test_a_missing_folder(tmp_path) -> None:
    with pytest.raises(DataNotFoundError, match=r"needs NATS-tss-\*-simple.*NATS-tss-v1_0-3ffb9-simple\.tar"):
        archcast.load_benchmark("nats-tss/cifar10", tmp_path)


def test_real_files(shared) -> None:
    """Cell 11, seed 777, as NATS-Bench's own interface prints it."""
    expected = {
        "cifar10": {"val_accuracy": 87.748, "test_accuracy_half_train": 87.60, "test_accuracy": 91.79},
        "cifar100": {"val_accuracy": 67.72, "test_accuracy": 66.86},
        "imagenet16-120": {"val_accuracy": 29.367, "test_accuracy": 29.233},
    }
    for task, values in expected.items():
        benchmark = archcast.load_benchmark(f"nats-tss/{task}", shared / "formats" / "nats-bench")
        assert len(benchmark) == 2
        row = SPACE.format(benchmark.archs).index(
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|"
        )
        for metric, value in values.items():
            assert benchmark.scores(f"{metric}_seed777")[row] == pytest.approx(value, abs=5e-4)
    benchmark = archcast.load_benchmark("nats-tss/cifar10", shared / "formats" / "nats-bench")
    assert benchmark.costs["flops"][row] == pytest.approx(113.951, abs=5e-4)
    assert benchmark.costs["params"][row] == pytest.approx(0.802, abs=5e-4)

"""Compact files: what is written is what was read, a killed run goes on, and the name finds the file."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import archcast
from archcast.data.base import compact_name
from archcast.data.conversion import convert, tasks_of
from archcast.data.published import _gather
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError


@pytest.fixture
def macro(tmp_path, rng):
    table = {
        "".join(map(str, row)): {
            "test_acc": [90.5, 91.0],
            "mean_acc": 90.75 + k,
            "std": 0.1,
            "params": 5 + k,
            "flops": 7,
        }
        for k, row in enumerate(rng.integers(0, 3, (6, 8)))
    }
    (tmp_path / "nas-bench-macro_cifar10.json").write_text(json.dumps(table))
    return tmp_path


def same(one, other) -> None:
    assert (one.archs == other.archs).all()
    assert (one.name, one.default_metric, one.test_metric, one.left_out) == (
        other.name, other.default_metric, other.test_metric, other.left_out)  # fmt: skip
    assert one.space == other.space
    for kind in ("metrics", "curves", "costs", "proxies"):
        assert list(getattr(one, kind)) == list(getattr(other, kind))
        for name, values in getattr(one, kind).items():
            np.testing.assert_allclose(values, getattr(other, kind)[name], rtol=1e-7)


def test_the_compact_file_is_taken_from_then_on(macro, tmp_path_factory) -> None:
    ((made, file),) = convert("nasbench-macro", macro)
    assert file == macro / "nasbench-macro.npz"
    same(archcast.load_benchmark("nasbench-macro", macro), made)
    (macro / "nas-bench-macro_cifar10.json").unlink()
    same(archcast.load_benchmark("nasbench-macro", macro), made)
    same(archcast.load_benchmark("nasbench-macro", file), made)
    with pytest.raises(DataNotFoundError):
        archcast.load_benchmark("nasbench-macro", macro, converted=False)
    assert not list(macro.glob(".*")), "nothing is left behind"


def test_all_tasks_that_are_there(tmp_path, rng) -> None:
    jobs = [
        {
            "top1": float(k),
            "flops": 1.0,
            "params": 1.0,
            "input_channel": [8, 8],
            "inverted_residual_setting": [[b, [1 + k % 4] * b, [8] * b] for b in (1, 2, 3, 4)],
            "last_channel": 8,
        }
        for k in range(4)
    ]
    for setting in ("cls-10c", "video"):
        (tmp_path / f"{setting}.trainval.pkl").write_bytes(pickle.dumps(jobs))
    results = list(convert("nasbench-mr", tmp_path, tmp_path / "out"))
    assert [file.name for _, file in results] == ["nasbench-mr-cls-10c.npz", "nasbench-mr-video.npz"]
    for made, _ in results:
        same(archcast.load_benchmark(made.name, tmp_path / "out"), made)
    with pytest.raises(DataNotFoundError, match=r"needs seg/trainval\.pkl"):
        list(convert("nasbench-mr/seg", tmp_path, tmp_path / "out"))


def test_names_of_files() -> None:
    assert compact_name("nats-tss/imagenet16-120") == "nats-tss-imagenet16-120.npz"
    assert compact_name("nasbench201") == compact_name("nasbench201/cifar10") == "nasbench201-cifar10.npz"
    assert compact_name("nas-bench-suite-zero/nasbench201/svhn") == "nas-bench-suite-zero-nasbench201-svhn.npz"
    assert tasks_of("nasbench-macro") == ["nasbench-macro"]
    assert len(tasks_of("nats-tss")) == 3


def test_a_file_of_another_benchmark(macro) -> None:
    ((_, file),) = convert("nasbench-macro", macro)
    with pytest.raises(InvalidFileError, match="holds benchmark 'nasbench-macro', not 'nasbench101'"):
        archcast.load_benchmark("nasbench101", file)


def test_no_folder_is_named(monkeypatch) -> None:
    monkeypatch.delenv("ARCHCAST_DATA", raising=False)
    with pytest.raises(InvalidInputError, match="set ARCHCAST_DATA"):
        list(convert("nasbench-macro"))


def test_a_killed_run_goes_on(tmp_path, rng, monkeypatch) -> None:
    """It is killed once some shards are written; the next run takes these up and gives what an undisturbed one gives."""
    import bz2

    here = tmp_path / "NATS-sss-v1_0-50262-simple"
    here.mkdir()
    space = archcast.get_space("nats-size")
    for k, text in enumerate(space.format(space.sample(60, rng))):
        values = {f"x-valid@{e}": float(e + k) for e in range(90)}
        run = {
            "epochs": 90, "params": 1.0, "flop": 2.0, "latency": [0.1], "train_times": {0: 1.0},
            "train_acc1es": dict.fromkeys(range(90), 1.0), "train_losses": dict.fromkeys(range(90), 1.0),
            "eval_acc1es": values, "eval_losses": values,
        }  # fmt: skip
        info = {
            "arch_index": k,
            "arch_str": text,
            "all_results": {("cifar100", 777): run},
            "dataset_seed": {"cifar100": [777]},
        }
        (here / f"{k:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps({"90": info}, protocol=4)))
    code = """
import sys, time
from archcast.data.published import _gather
from archcast.data.conversion import convert
_gather.SHARD = 5
def slow(done, total):
    print(done, flush=True)
    time.sleep(.3)
import joblib
joblib.cpu_count = lambda: 1
list(convert("nats-sss/cifar100", sys.argv[1], sys.argv[2], report=slow))
"""
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", code, here, out], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= 15:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    kept = {file: file.stat().st_mtime_ns for file in (out / ".nats-sss.parts").glob("*.npz")}
    assert 3 <= len(kept) < 12
    monkeypatch.setattr(_gather, "SHARD", 5)
    time.sleep(0.02)
    reused = []
    load = np.load
    monkeypatch.setattr(np, "load", lambda file, **options: (reused.append(file), load(file, **options))[1])
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    ((made, _),) = convert("nats-sss/cifar100", here, out)
    assert set(kept) <= set(reused)
    np.testing.assert_array_equal(made.scores(), 89.0 + np.arange(60))
    assert not (out / ".nats-sss.parts").exists()

"""``benchmarks/published.py`` on a few files: what it writes is what the readers read."""

from __future__ import annotations

import numpy as np
import pytest

import archcast


def test_files_are_in_the_official_formats(load_script, tmp_path) -> None:
    script = load_script("benchmarks/published.py")
    script.write_tfrecords(tmp_path / "nasbench_full.tfrecord", 7, (4, 12, 36, 108))
    benchmark = archcast.load_benchmark("nasbench101", tmp_path)
    assert len(benchmark) == 7
    assert {"test_accuracy_4ep_run3", "test_accuracy_run3"} < set(benchmark.metrics)
    script.write_nats("nats-tss/cifar10", tmp_path, 3)
    benchmark = archcast.load_benchmark("nats-tss/imagenet16-120", tmp_path)
    assert len(benchmark) == 3
    assert benchmark.curves["val_and_test_accuracy"].shape == (3, 200)
    script.write_nats("nats-sss/cifar10", tmp_path, 2)
    assert archcast.load_benchmark("nats-sss/cifar100", tmp_path).curves["val_accuracy"].shape == (2, 90)


SIZES = {"nasbench301": 5, "blox": 9, "jahs-bench-201/cifar10": 3, "nas-hpo-bench-ii": 96, "lcbench/fashion-mnist": 2}
"""Architectures of the smallest files."""


def test_each_writer_makes_what_its_reader_reads(load_script, tmp_path) -> None:
    writers = load_script("benchmarks/published.py").WRITERS
    for k, (name, write) in enumerate(writers.items()):
        folder = write(tmp_path / str(k), np.random.default_rng(0), 1e-4 if name != "jahs-bench-201/cifar10" else 2e-4)
        benchmark = archcast.load_benchmark(name, folder)
        assert len(benchmark) == SIZES.get(name, len(benchmark))
        assert np.isfinite(benchmark.scores()).all()


@pytest.mark.slow
def test_it_runs(load_script, capsys, monkeypatch) -> None:
    script = load_script("benchmarks/published.py")
    monkeypatch.setattr(script, "LOADS", 1)
    script.main(["--only", "nats-tss/cifar10", "--files", "2"])
    out = capsys.readouterr().out
    assert "nats-tss/cifar10" in out
    assert "scaled to 15,625: processor_seconds" in out
    assert "load_seconds" in out

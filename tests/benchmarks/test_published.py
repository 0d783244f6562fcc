"""``benchmarks/published.py`` on a few files: what it writes is what the readers read."""

from __future__ import annotations

import pytest

import archcast


def test_files_are_in_the_official_formats(load_script, tmp_path) -> None:
    script = load_script("benchmarks/published.py")
    script.write_tfrecords(tmp_path / "nasbench_full.tfrecord", 7, (4, 12, 36, 108))
    benchmark = archcast.load_benchmark("nasbench101", tmp_path)
    assert len(benchmark) == 7
    assert {"test_accuracy_4ep_run3", "test_accuracy_run3"} < set(benchmark.metrics)
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    script.write_nats(folder, 3)
    benchmark = archcast.load_benchmark("nats-tss/imagenet16-120", tmp_path)
    assert len(benchmark) == 3
    assert benchmark.curves["val_and_test_accuracy"].shape == (3, 200)


@pytest.mark.slow
def test_it_runs(load_script, capsys) -> None:
    script = load_script("benchmarks/published.py")
    script.main(["--cells", "30", "--files", "2"])
    out = capsys.readouterr().out
    assert "nats-tss, 2 files: processor_seconds" in out
    assert "nasbench101, 30 cells" in out

"""Tables of trainings: continued where they stopped, twins once, read back as a benchmark."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

import archcast
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError
from archcast.training import Dataset, Recipe, Trainer, read_runs, sample_functions, train_table

SPACE = archcast.get_space("nasbench201")


@pytest.fixture
def trainer(stripes: Dataset) -> Trainer:
    return Trainer("nasbench201", stripes, Recipe(epochs=2, batch_size=24), width=2, depth=1)


def test_a_table_is_a_benchmark(trainer: Trainer, tmp_path: Path) -> None:
    rows = sample_functions(SPACE, 3, seed=1)
    told: list[tuple[int, int]] = []
    made = train_table(trainer, rows, tmp_path / "t", seeds=(0, 5), progress=lambda *p: told.append(p))
    read = archcast.load_benchmark(str(tmp_path / "t"))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert (read.archs == rows).all()
    run = trainer.train(rows[1], seed=5)
    assert read.metrics["test_accuracy_s2"][1] == pytest.approx(run.test_accuracy, abs=1e-6)
    assert read.curves["train_loss_s2"][1] == pytest.approx(run.curves["train_loss"], rel=1e-5)
    assert read.curves["val_accuracy"].shape == (3, 2)
    mean = (read.metrics["test_accuracy_s1"] + read.metrics["test_accuracy_s2"]) / 2
    assert read.scores() == pytest.approx(mean)
    assert read.proxies["params"][1] == run.params
    for name, values in made.metrics.items():
        assert read.metrics[name] == pytest.approx(values, abs=1e-6)


def test_it_continues_and_skips_twins(trainer: Trainer, tmp_path: Path) -> None:
    rows = sample_functions(SPACE, 3, seed=1)
    train_table(trainer, rows[:2], tmp_path)
    first = (tmp_path / "runs.jsonl").read_text()
    (tmp_path / "runs.jsonl").write_text(first + '[{"arch": [1, 2')  # killed while it wrote
    told: list[tuple[int, int]] = []
    made = train_table(trainer, np.concatenate([rows, rows]), tmp_path, progress=lambda *p: told.append(p))
    assert told == [(2, 3), (3, 3)]
    assert (tmp_path / "runs.jsonl").read_text().startswith(first)
    assert len(made) == len(read_runs(tmp_path)) == 3


def test_a_table_that_was_interrupted_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text("")
    with pytest.raises(DataNotFoundError, match=r"no benchmark\.npz yet: run its archcast train again, with --hours 0"):
        archcast.load_benchmark(str(tmp_path))


def test_no_time_is_left_for_more(trainer: Trainer, tmp_path: Path) -> None:
    rows = sample_functions(SPACE, 2, seed=1)
    train_table(trainer, rows[:1], tmp_path)
    assert len(train_table(trainer, rows, tmp_path, seconds=0.0)) == 1


def test_workers_give_the_same_figures(trainer: Trainer, tmp_path: Path) -> None:
    rows = sample_functions(SPACE, 2, seed=1)
    alone, workers = (train_table(trainer, rows, tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2))
    order = [np.flatnonzero((workers.archs == row).all(axis=1))[0] for row in alone.archs]
    assert workers.curves["train_loss"][order] == pytest.approx(alone.curves["train_loss"], rel=1e-4)


def test_other_settings_are_refused(trainer: Trainer, stripes: Dataset, tmp_path: Path) -> None:
    rows = sample_functions(SPACE, 1, seed=1)
    train_table(trainer, rows, tmp_path)
    other = Trainer("nasbench201", stripes, Recipe(epochs=3, batch_size=24), width=2, depth=1)
    with pytest.raises(InvalidInputError, match=r"holds runs with recipe .*'epochs': 2.* Choose another folder"):
        train_table(other, rows, tmp_path)
    lines = (tmp_path / "runs.jsonl").read_text()
    (tmp_path / "runs.jsonl").write_text("{}\n" + lines)
    with pytest.raises(InvalidFileError, match="line 1 is not a run"):
        train_table(trainer, rows, tmp_path)
    with pytest.raises(InvalidInputError, match="seeds must be different"):
        train_table(trainer, rows, tmp_path / "x", seeds=(1, 1))


def test_functions_are_sampled_evenly_and_nested() -> None:
    archs = sample_functions(SPACE, None, seed=0)
    assert len(archs) == 4660
    assert (SPACE.canonical(archs) == archs).all() or len(np.unique(SPACE.canonical(archs), axis=0)) == 4660
    assert (sample_functions(SPACE, 5, 3) == sample_functions(SPACE, 50, 3)[:5]).all()
    index = {tuple(row): k for k, row in enumerate(archs.tolist())}
    drawn = [index[tuple(row)] for seed in range(40) for row in sample_functions(SPACE, 50, seed).tolist()]
    assert chisquare(np.histogram(drawn, bins=10, range=(0, 4660))[0]).pvalue > 1e-3


def test_a_kill_loses_at_most_what_is_in_hand(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "archcast",
        "train",
        "--sample",
        "40",
        "--epochs",
        "1",
        "--width",
        "2",
        "--jobs",
        "1",
    ]
    command += ["--out", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    runs = tmp_path / "out" / "runs.jsonl"
    end = time.monotonic() + 120
    while (not runs.exists() or runs.read_text().count("\n") < 2) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held = runs.read_text().splitlines()
    assert 2 <= len(held) < 40
    command[command.index("40")] = str(len(held) + 1)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert f"continuing: {len(read_runs(tmp_path / 'out')) - 1} of" in done.stderr
    after = [json.loads(line)[0]["arch"] for line in runs.read_text().splitlines()]
    assert [json.loads(line)[0]["arch"] for line in held[:2]] == after[:2]
    assert len(archcast.load_benchmark(str(tmp_path / "out"))) == len(after) == len(held) + 1

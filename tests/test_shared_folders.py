"""Two processes with one ``--out``: the second is refused in one line, and a killed process blocks nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import archcast

COMMAND = [sys.executable, "-c", "from archcast.cli import main; main()"]
SPACE = archcast.get_space("nasbench201")
SLOW = """
import time
def train(arch):
    time.sleep(0.1)
    return float((arch == 3).sum())
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    archs = SPACE.enumerate()[rng.choice(15_625, 200, replace=False)]
    scores = (archs == 3).sum(axis=1) + rng.normal(0, 0.2, 200)
    pd.DataFrame({"arch": SPACE.format(archs), "score": scores}).to_csv(tmp_path / "mine.csv", index=False)
    (tmp_path / "my_slow.py").write_text(SLOW)
    return tmp_path


CASES = {
    "bench": (["bench", "mine.csv", "--space", "nasbench201", "--predictors", "random-forest", "--train-sizes", "20",
               "--test-size", "50", "--trials", "12", "--jobs", "1"], "results.csv", 2),
    "search": (["search", "--objective", "my_slow:train", "--space", "nasbench201", "--strategy", "random", "--budget", "40",
                "--batch", "5", "--jobs", "1"], "searches/random-0.jsonl", 3),
    "score": (["score", "--space", "nasbench201", "--sample", "40", "--proxies", "params,nwot", "--width", "4", "--depth", "1"],
              "", 5),
    "train": (["train", "--sample", "8", "--epochs", "1", "--width", "2", "--jobs", "1"], "runs.jsonl", 1),
}  # fmt: skip


def start(arguments, folder):
    path = os.pathsep.join([str(Path(archcast.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [*COMMAND, *arguments, "--out", "here"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
    )  # fmt: skip


def wait_for(process, file, lines):
    while process.poll() is None and (not file.exists() or file.read_bytes().count(b"\n") < lines):
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_second_is_refused_and_a_kill_frees_the_folder(folder, name) -> None:
    arguments, file, lines = CASES[name]
    first = start(arguments, folder)
    try:
        wait_for(first, folder / "here" / file, lines)
        os.killpg(first.pid, signal.SIGSTOP)  # else it may be done before the second has started
        second = start(arguments, folder)
        out, err = second.communicate(timeout=120)
        assert (second.returncode, out) == (2, "")
        assert err.startswith(f"error: out 'here' is in use by another process (process {first.pid} on ")
        assert err.count("\n") == 1
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    third = start(arguments, folder)
    _, err = third.communicate(timeout=300)
    assert third.returncode == 0, err
    done = (
        pd.read_csv(folder / "here" / file)
        if file.endswith("csv")
        else (folder / "here" / file).read_text().splitlines()
    )
    assert len(done) >= 8
    if name == "score":
        assert len({line.rpartition('"')[0] or line for line in done}) == len(done) == 41, "a header and each once"
    if name == "bench":
        assert not done.duplicated(["predictor", "train_size", "trial"]).any()
    assert not list(folder.rglob("*.lock"))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_sigterm_ends_as_cleanly_as_ctrl_c(folder, name) -> None:
    arguments, file, lines = CASES[name]
    process = start(["200" if a == "8" else a for a in arguments], folder)
    wait_for(process, folder / "here" / file, lines)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("interrupted: ")
    assert err.splitlines()[-1].endswith("kept in here; the same command continues.")
    assert not list(folder.rglob("*.lock"))

"""How ``archcast score`` goes on and ends: files that are continued, workers, Ctrl-C, a process that is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.cli import _scoring, main

from .conftest import SMALL, Run, rows_of

SPACE = archcast.get_space("nasbench201")


def test_a_sample_is_written_and_continued(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [
        "--space",
        "nasbench201",
        "--sample",
        "8",
        *SMALL,
        "--proxies",
        "params,snip,az_trainability",
        "--out",
        "s.csv",
    ]
    code, out, _ = run(*command)
    assert (code, out) == (0, "8 in s.csv\n")
    whole = (tmp_path / "s.csv").read_text()
    assert sorted(row["arch"] for row in rows_of(whole)) == sorted(SPACE.format(SPACE.sample(8, 0)))

    lines = whole.splitlines(keepends=True)
    (tmp_path / "s.csv").write_text("".join(lines[:4]) + lines[4][:30])
    calls: list[str] = []
    original = _scoring.run
    monkeypatch.setattr(_scoring, "run", lambda target, job: calls.append(target.name) or original(target, job))
    code, out, err = run(*command)
    assert (code, out) == (0, "8 in s.csv\n")
    assert "continuing: 3 are there already" in err
    assert len(calls) == len(
        {bytes(row) for row in SPACE.canonical(SPACE.parse([a["arch"] for a in rows_of(whole)[3:]]))}
    )
    assert (tmp_path / "s.csv").read_text() == whole

    code, _, err = run(*command, "--seed", "1")
    assert code == 2
    assert "holds scores made with other settings (seed was 0). Choose another file." in err
    (tmp_path / "s.csv.settings.json").unlink()
    code, _, err = run(*command)
    assert code == 2
    assert "'s.csv.settings.json', which says how its scores were made, cannot be read" in err
    assert (tmp_path / "s.csv").read_text() == whole


def test_workers_give_the_same(run: Run, tmp_path: Path) -> None:
    command = ["--space", "nasbench201", "--sample", "5", *SMALL, "--proxies", "params,snip,nwot"]
    run(*command, "--out", "one.csv")
    run(*command, "--out", "two.csv", "--jobs", "2")
    one, two = (pd.read_csv(tmp_path / name).sort_values("arch", ignore_index=True) for name in ("one.csv", "two.csv"))
    pd.testing.assert_frame_equal(one, two)


def test_json_lines(run: Run, tmp_path: Path) -> None:
    command = ["--space", "nasbench201", "--sample", "3", *SMALL, "--proxies", "params,synflow", "--out", "s.jsonl"]
    assert run(*command)[1] == "3 in s.jsonl\n"
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert {line["arch"] for line in lines} == set(SPACE.format(SPACE.sample(3, 0)))
    assert all(set(line) == {"arch", "scores", "failures", "seconds"} for line in lines)
    assert run(*command)[1] == "3 in s.jsonl\n"
    assert len((tmp_path / "s.jsonl").read_text().splitlines()) == 3
    (tmp_path / "s.jsonl").write_text("[1]\n")
    code, _, err = run(*command)
    assert code == 2
    assert "does not hold scores" in err


def test_ctrl_c_keeps_what_is_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = _scoring.run, []

    def impatient(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(_scoring, "run", impatient)
    command = ["--space", "nasbench201", "--sample", "4", *SMALL, "--proxies", "params", "--out", "s.csv"]
    code, _, err = run(*command)
    assert code == 130
    assert err.endswith("interrupted: 2 are kept in s.csv; the same command continues.\n")
    assert run(*command)[1] == "4 in s.csv\n"
    assert len(rows_of((tmp_path / "s.csv").read_text())) == 4


@pytest.mark.parametrize("name", ["proxies.csv", "proxies.jsonl"])
def test_bench_reads_what_score_writes(run: Run, tmp_path: Path, name: str) -> None:
    code, _, _ = run(
        "--space", "nasbench201", "--sample", "60", *SMALL, "--proxies", "params,flops,synflow", "--out", name
    )
    assert code == 0
    from archcast.data import read_evidence

    rows = SPACE.sample(80, 0)
    texts = SPACE.format(rows)
    mine = pd.DataFrame({"arch": texts, "score": (rows == 3).sum(axis=1) + np.linspace(0, 0.1, 80)})
    mine.to_csv(tmp_path / "mine.csv", index=False)
    known = read_evidence(tmp_path / name, archcast.Benchmark("mine", SPACE, rows, {"score": mine["score"]}, "score"))
    assert list(known.proxies) == ["params", "flops", "synflow"]
    assert 60 <= np.isfinite(known.proxies["params"]).sum() < 80, "the others are unknown"
    table = [
        "--table",
        "mine.csv",
        "--space",
        "nasbench201",
        "--train-sizes",
        "15",
        "--test-size",
        "30",
        "--trials",
        "1",
    ]
    with pytest.raises(SystemExit) as exit_:
        main(
            [
                "bench",
                *table,
                "--evidence",
                name,
                "--predictors",
                "stack,gp",
                "--proxies",
                "synflow",
                "--jobs",
                "1",
                "--json",
            ]
        )
    assert not exit_.value.code
    found = json.loads((next((tmp_path / "archcast-results").iterdir()) / "results.json").read_text())
    assert found["protocol"]["evidence"] == ["flops", "params", "synflow"]
    assert found["protocol"]["architectures"] == np.isfinite(known.proxies["params"]).sum()
    tau = {row["predictor"]: row["kendall_tau"] for row in found["rows"]}
    assert set(tau) == {"stack", "gp", "params", "flops", "synflow"}
    assert tau["params"] > 0.5
    assert min(tau["stack"], tau["gp"]) > 0.3


DEADLY = """
import ctypes, os, sys, time
from torch import nn

def good(width=4):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3))

def one():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))

def grouped():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))

class Segfault(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
    def forward(self, x):
        ctypes.string_at(0)

class Exit(Segfault):
    def forward(self, x):
        os._exit(7)

def leaves():
    sys.exit(3)

class Leaves(Segfault):
    def forward(self, x):
        sys.exit(3)
"""


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "deadly.py").write_text(DEADLY)
    call = [sys.executable, "-c", "from archcast.cli import main; main()", "score", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(archcast.__file__).parents[1])}
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=300, env=environment)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is kept without fork")
@pytest.mark.parametrize("dead", ["Segfault", "Exit"])
def test_a_process_that_is_killed_has_printed_what_was_finished(dead: str, tmp_path: Path) -> None:
    names = ["deadly.py:good", "deadly.py:grouped", f"deadly.py:{dead}", "deadly.py:good"]
    found = command(tmp_path, *names, "--proxies", "params,vkdnw", "--format", "csv")
    assert found.returncode not in (0, 2)
    assert [line.split(",")[0] for line in found.stdout.splitlines()] == ["target", *names[:2]]
    assert rows_of(found.stdout)[0]["params"] == "127.0"
    assert f"error: deadly.py:{dead}: the process was killed while this was scored" in found.stderr


def test_a_system_exit_is_an_error_of_its_target(run: Run, tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    code, out, err = run(
        "deadly.py:good",
        "deadly.py:leaves",
        "deadly.py:Leaves",
        "deadly.py:one",
        "--proxies",
        "params,snip",
        "--format",
        "csv",
    )
    assert code == 2
    assert [row["target"] for row in rows_of(out)] == ["deadly.py:good", "deadly.py:one"]
    assert float(rows_of(out)[1]["snip"]) > 0, "one output has labels 0 and 1"
    assert "deadly.py:leaves: building it raised SystemExit: 3" in err
    assert "Leaves failed on inputs of shape 2x3x32x32: SystemExit: 3" in err


def test_ctrl_c_prints_what_is_finished(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    original = _scoring.run

    def impatient(target: Any, job: Any) -> Any:
        if target.name == "nets.py:ready":
            raise KeyboardInterrupt
        return original(target, job)

    monkeypatch.setattr(_scoring, "run", impatient)
    code, out, err = run("nets.py:small", "nets.py:ready", "--proxies", "params", "--format", "csv")
    assert code == 130
    assert [row["target"] for row in rows_of(out)] == ["nets.py:small"]
    assert "interrupted" in err

"""Scores of ``archcast score`` by shared weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import archcast

from .conftest import SMALL, Run

SPACE = archcast.get_space("nasbench201")


@pytest.fixture
def supernet(tmp_path: Path) -> Path:
    small = {"task": archcast.Task(width=4, depth=1, stages=1), "epochs": 1, "batch_size": 384, "images": 20}
    archcast.get_predictor("one-shot", SPACE, **small).init().save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


def test_scores_by_shared_weights_are_evidence(run: Run, supernet: Path) -> None:
    """A column beside the proxies, which predictors are told as any proxy."""
    code, _, err = run(
        "--space",
        "nasbench201",
        "--sample",
        12,
        *SMALL,
        "--proxies",
        "params",
        "--supernet",
        supernet,
        "--out",
        "s.csv",
    )
    assert (code, err) == (0, "")
    table = pd.read_csv("s.csv")
    assert list(table.columns) == ["arch", "params", "one_shot"]
    predictor = archcast.predictors.base.Predictor.load(supernet)
    rows = SPACE.parse(table["arch"].tolist())
    np.testing.assert_allclose(table["one_shot"], predictor.query(rows).mean, rtol=1e-12)
    scores = np.arange(12.0)
    known = archcast.data.Benchmark("mine", SPACE, rows, {"accuracy": scores}, "accuracy")
    evidence = archcast.data.tables.read_evidence("s.csv", known)
    assert set(evidence.proxies) == {"params", "one_shot"}
    for name in ("stack", "omni+"):
        model = archcast.get_predictor(name, SPACE, random_state=0)
        assert np.isfinite(model.init(rows, scores, evidence).query(rows, evidence).mean).all()


def test_shared_weights_alone_sorted_and_trained_on_the_images_given(run: Run) -> None:
    generator = np.random.default_rng(0)
    np.savez("mine.npz", x=generator.normal(size=(64, 1, 8, 8)).astype(np.float32), y=np.arange(64) % 3)
    command = (
        "--space",
        "nasbench201",
        "--sample",
        5,
        "--one-shot",
        "--proxies",
        "none",
        "--data",
        "mine.npz",
        "--width",
        4,
    )
    command = (*command, "--depth", 1, "--stages", 1)
    code, out, _ = run(*command, "--sort", "one_shot", "--format", "json")
    assert code == 0
    values = [record["scores"]["one_shot"] for record in json.loads(out)]
    assert len(values) == 5
    assert values == sorted(values, reverse=True)
    code, _, _ = run(*command, "--out", "s.csv")
    assert code == 0
    assert Path("s.csv.supernet.safetensors").exists()
    np.testing.assert_array_equal(np.sort(pd.read_csv("s.csv")["one_shot"])[::-1], values)


def test_what_has_no_shared_weights_gets_one_line(run: Run, supernet: Path) -> None:
    for arguments, words in (
        (["nets.py:small", "--one-shot"], "they need --space"),
        (["--space", "nasbench-macro", "--sample", 2, "--one-shot"], "no supernet"),
        (["--space", "darts", "--sample", 2, "--supernet", supernet], "of space 'nasbench201', not of 'darts'"),
        (["--space", "darts", "--sample", 2, "--supernet", "none.npz"], "no file 'none.npz'"),
    ):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert words in err

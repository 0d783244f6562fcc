"""Where a model stands among real models, from the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from archcast.cli import app

MODELS = """
from torch import nn

def net(width=32):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, 2), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 2 * width, 3, 2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 1000),
    )

def broken():
    return nn.Sequential(nn.Linear(3, 3))
"""
TABLE = """model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation
small.a1,224,90.0,0,0,0,0.01,1,x
large.a1,224,99.0,0,0,0,5000,1,x
"""


@pytest.fixture(autouse=True)
def _models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARCHCAST_DATA", raising=False)
    (tmp_path / "mine.py").write_text(MODELS)


def run(*arguments):
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80", "TERM": "dumb"})


def test_a_model_of_ones_own():
    done = run("score", "mine.py:net", "--input", "3x64x64", "--against", "timm", "--format", "json")
    assert done.exit_code == 0, done.output
    (record,) = json.loads(done.output)
    assert record["low90"] < record["top1"] < record["high90"]
    assert record["recipe"] is None
    assert "published_top1" not in record  # no table is here
    again = run("predict", "mine.py:net", "--zoo", "--input", "3x64x64", "--json")
    assert json.loads(again.output)["top1"] == record["top1"]
    known = run("predict", "mine.py:net", "--zoo", "--input", "3x64x64", "--recipe", "fb_dist_in1k", "--json")
    narrow = json.loads(known.output)
    assert narrow["high90"] - narrow["low90"] < record["high90"] - record["low90"]


def test_a_table_says_who_is_smaller_and_better(tmp_path, monkeypatch):
    (tmp_path / "results-imagenet.csv").write_text(TABLE)
    monkeypatch.setenv("ARCHCAST_DATA", str(tmp_path))
    done = run("score", "mine.py:net", "--against", "timm", "--format", "json")
    (record,) = json.loads(done.output)
    assert (record["smaller_and_better"], record["models"]) == (1, 2)
    assert record["published_top1"] is None


def test_the_table_fits_80_columns():
    done = run("score", "mine.py:net", "--input", "3x64x64", "--against", "timm")
    assert done.exit_code == 0
    assert "90 % interval" in done.output
    assert max(map(len, done.output.splitlines())) <= 80


def test_what_fails_is_said_and_the_others_are_answered():
    done = run("score", "mine.py:broken", "mine.py:net", "--input", "3x64x64", "--against", "timm")
    assert done.exit_code == 2
    assert "mine.py:net" in done.output
    assert "error: " in done.output
    assert run("predict", "mine.py:net").exit_code != 0
    assert run("score", "mine.py:net", "--against", "imagenet").exit_code != 0

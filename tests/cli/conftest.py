"""What the tests of ``archcast score`` share: networks of one's own, and the command in a folder that holds them."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archcast.cli import main

NETS = """
import torch
from torch import nn

def flat():
    return nn.Linear(9, 2)

def small(width=6, num_classes=4):
    return nn.Sequential(
        nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, num_classes),
    )

class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = small()
    def forward(self, x):
        return {"logits": self.body(x)}

ready = small(8)
number = 3

def raises():
    raise ValueError("no such thing\\nsecond line")

def gives_text():
    return "a model"
"""
SMALL = ["--input", "3x8x8", "--depth", "1", "--width", "4", "--batch-size", "8"]

Run = Callable[..., tuple[int, str, str]]
"""The arguments of the command to its exit code, stdout and stderr."""


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Run the command in a folder that holds nets.py; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "nets.py").write_text(NETS)

    def run(*arguments: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(["score", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    yield run
    for name in [name for name in sys.modules if name in ("nets", "archcast_target_nets")]:
        del sys.modules[name]

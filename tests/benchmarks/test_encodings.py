"""The speed comparison runs, and its loops compute what the encoders do (it compares them itself)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from archcast.encodings.base import ENCODINGS

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "encodings.py"


def test_it_runs(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("benchmark_of_encodings", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", ["encodings.py", "--loops", "20", "--repeats", "1", "--skip-nasbench101"])
    monkeypatch.setattr(module, "ENCODINGS", [name for name in ENCODINGS if name in {*module.LOOPS, "wl"}])
    module.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(module.LOOPS) + 3  # wl, the second loop of graph features, the batch
    assert all("x" in line.split()[-1] for line in lines[2:])

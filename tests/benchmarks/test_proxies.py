"""The cost comparison of proxies runs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "proxies.py"


def test_it_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("benchmark_of_proxies", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    arguments = ["--repeats", "1", "--batch", "4", "--depth", "1", "--size", "8", "--each", "--layout", "channels_last"]
    monkeypatch.setattr(sys, "argv", ["proxies.py", *arguments])
    monkeypatch.setattr(module, "PROXIES", ["params", "snip"])
    monkeypatch.setattr(module, "SETS", {"two": ["snip", "nwot"]})
    threads = torch.get_num_threads()
    try:
        module.main()
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["two", "params", "snip"]
    assert all(float(line.split()[1]) >= 0 for line in lines[2:5])

"""The cost comparison of proxies runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest
import torch


def test_it_runs(
    load_script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load_script("benchmarks/proxies.py")
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

"""The speed comparison runs, and its loops compute what the encoders do (it compares them itself)."""

from __future__ import annotations

import sys

from archcast.encodings.base import ENCODINGS


def test_it_runs(load_script, monkeypatch, capsys):
    module = load_script("benchmarks/encodings.py")
    monkeypatch.setattr(sys, "argv", ["encodings.py", "--loops", "20", "--repeats", "1", "--skip-nasbench101"])
    monkeypatch.setattr(module, "ENCODINGS", [name for name in ENCODINGS if name in {*module.LOOPS, "wl"}])
    module.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(module.LOOPS) + 3  # wl, the second loop of graph features, the batch
    assert all("x" in line.split()[-1] for line in lines[2:])

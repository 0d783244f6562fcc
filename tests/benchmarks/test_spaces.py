"""The table of spaces has a line for each, and a figure or a dash for each method."""

from __future__ import annotations

import sys

from archcast.spaces.base import SPACES


def test_it_runs(load_script, monkeypatch, capsys):
    script = load_script("benchmarks/spaces.py")
    monkeypatch.setattr(sys, "argv", ["spaces.py", "darts", "nasbench-graph", "--rows", "3", "--repeats", "1"])
    script.main()
    head, darts, graphs = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["build", *script.METHODS]
    assert darts[:2] == ["darts", "y"]
    assert all(float(cell) >= 0 for cell in darts[2:])
    assert graphs[:2] == ["nasbench-graph", "n"]
    assert [number for number, cell in enumerate(graphs[2:]) if cell == "-"] == [script.METHODS.index("costs")]
    assert {"darts", "nasbench-graph"} <= set(SPACES.names())

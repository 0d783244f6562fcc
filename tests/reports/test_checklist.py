"""The checklist has the field's sixteen points; what a run does not know is open."""

from __future__ import annotations

import sys

from archcast.reports.checklist import POINTS, about_run, checklist


def test_sixteen_points_each_filled_in_or_open() -> None:
    keys = [key for points in POINTS.values() for key in points]
    assert len(keys) == len(set(keys)) == 16
    html = "".join(checklist({"setup": "a < b", "tuning": None}))
    assert html.count("☑") == 1
    assert html.count("<em>open</em>") == 15
    assert "a &lt; b" in html


def test_the_command_that_repeats_a_run(monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/archcast", "bench", "my table.csv"])
    assert about_run()["command"] == "archcast bench 'my table.csv'"
    monkeypatch.setattr(sys, "argv", ["script.py"])
    assert "command" not in about_run()
    assert "cores" in about_run()["hardware"]

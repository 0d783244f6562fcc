"""The best-practice checklist of the field, filled in by what a run knows.

Lindauer and Hutter 2020, "Best Practices for Scientific Research on Neural Architecture Search", https://jmlr.org/papers/v21/20-056.html.
A point that the run cannot know stays open, by name, for the author to answer.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from archcast.reports.pages import text

__all__ = ["POINTS", "about_run", "checklist"]

POINTS: dict[str, dict[str, str]] = {
    "Releasing code": {
        "pipeline": "Code of the training pipeline that evaluates the final architectures",
        "space": "Code of the search space",
        "final_hyperparameters": "Hyperparameters of the final evaluation, and its random seeds",
        "method": "Code of the method",
        "hyperparameters": "Hyperparameters of the method, and its random seeds",
    },
    "Comparing methods": {
        "same_benchmark": "The same benchmark for all: data set, split, search space, training code and its hyperparameters",
        "confounders": "Confounding factors under control: hardware, versions of libraries, run times",
        "ablations": "Ablation studies",
        "same_protocol": "The same evaluation protocol for all",
        "over_time": "Performance over time",
        "random_search": "Comparison with random search",
        "repetitions": "Several runs, and their seeds",
        "tabular": "Tabular or surrogate benchmarks for in-depth evaluation",
    },
    "Reporting details": {
        "tuning": "How hyperparameters were tuned, and what time and resources that took",
        "end_to_end": "Time of the whole method, end to end",
        "setup": "All details of the experimental setup",
    },
}
"""Heading -> key -> what is asked."""


def checklist(known: Mapping[str, str | None]) -> list[str]:
    """The checklist as HTML.

    Args:
        known: key of :data:`POINTS` -> what the run says to it; what is missing or ``None`` stays open.

    Examples:
        >>> html = "".join(checklist({"repetitions": "5 trials, seed 0"}))
        >>> "5 trials, seed 0" in html, html.count("<em>open</em>")
        (True, 15)
    """
    out = ["<h2>Best-practice checklist</h2>"]
    out.append(
        '<p class="soft">After Lindauer and Hutter 2020, JMLR 21(243). What this run knows is filled in; what it cannot know '
        "is marked as open.</p>"
    )
    for heading, points in POINTS.items():
        items = []
        for key, asked in points.items():
            said = known.get(key)
            mark, answer = ("☑", text(said)) if said else ("☐", "<em>open</em>")
            items.append(f'<li><span class="mark">{mark}</span> {text(asked)}: <span class="soft">{answer}</span></li>')
        out.append(f'<h3>{heading}</h3><ul class="checks">{"".join(items)}</ul>')
    return out


def about_run() -> dict[str, str]:
    """The command that repeats this run, where there was one, and the hardware."""
    found = {"hardware": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}"}
    program = Path(sys.argv[0]).name if sys.argv else ""
    if program == "archcast":
        found["command"] = shlex.join([program, *sys.argv[1:]])
    return found


def _processor() -> str:
    """Name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()

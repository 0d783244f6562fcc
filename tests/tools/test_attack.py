"""Hostile values for every argument: a few inputs of many targets; and the harness sees what it is to see."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from archcast.errors import InvalidInputError


@pytest.fixture(scope="module")
def tool(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("tools/attack.py")


@pytest.fixture(scope="module")
def judge(tool: ModuleType) -> ModuleType:
    """How one input is made and judged."""
    return sys.modules["attack_inputs"]


def refuses(x: Any) -> None:
    raise InvalidInputError(f"x must be a number, got {x!r:.20}.")


def speaks_at_length(x: Any) -> None:
    error = InvalidInputError("x")
    error.args = ("x\nis wrong",)
    raise error


def names_nothing(x: Any) -> None:
    raise InvalidInputError("wrong")


def breaks(x: Any) -> None:
    raise TypeError("no len()")


def hangs(x: Any) -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda x: 1, "answered"),
        (lambda x: math.nan, "silent"),
        (lambda x: {"a": np.array([1, np.nan])}, "silent"),
        (speaks_at_length, "unclear"),
        (names_nothing, "unclear"),
        (breaks, "raw"),
        (hangs, "lost"),
    ],
)
def test_kinds(judge: ModuleType, monkeypatch: pytest.MonkeyPatch, call: Callable[..., Any], kind: str) -> None:
    monkeypatch.setattr(judge, "SECONDS", 0.2)
    monkeypatch.setattr(judge, "NEVER", set())
    assert judge.attack(judge.Target("t", call, {"x": 1}), 0)[0] == kind


def test_an_answer_to_what_nothing_takes_is_silent(tool: ModuleType, judge: ModuleType) -> None:
    values = list(judge.HOSTILE)
    target = tool.Target("t", lambda x: 1, {"x": 1})
    kinds = {tool.input_of(target, k)["x"]: tool.attack(target, k)[0] for k in range(len(values))}
    assert set(kinds) == set(values), "the first inputs meet every value once"
    assert {name for name, kind in kinds.items() if kind == "silent"} == judge.NEVER


def test_a_process_that_ends_loses_one_input_and_no_more(tool: ModuleType, judge: ModuleType) -> None:
    import os

    def ends(x: Any) -> None:
        if x is None:
            os._exit(9)

    found: list[str] = []
    target = tool.Target("t", ends, {"x": 1})
    tool.run(target, 0, len(judge.HOSTILE), 0, lambda number, kind, seen: found.append(kind))
    assert len(found) == len(judge.HOSTILE)
    assert found.count("lost") == 1


@pytest.mark.parametrize("group", ["spaces", "strategies"])
def test_a_few_inputs_of_every_target(tool: ModuleType, group: str) -> None:
    faults = []
    for i, target in enumerate(tool.GROUPS[group]()):
        for number in range(2 * i, 2 * i + 2):  # other values for each target
            kind, seen = tool.attack(target, number)
            if kind in tool.FAULTS:
                faults.append((target.name, tool.input_of(target, number), kind, seen))
    assert not faults


def test_parameters_of_every_predictor(tool: ModuleType) -> None:
    faults = []
    targets = (t for t in tool.learners() if not t.name.endswith(".init"))
    for i, target in enumerate(targets):
        for number in range(3 * i, 3 * i + 3):
            kind, seen = tool.attack(target, number)
            if kind in tool.FAULTS:
                faults.append((target.name, tool.input_of(target, number), kind, seen))
    assert not faults


@pytest.mark.parametrize("name", ["run_search", "score", "evaluate", "forecast", "costs.count"])
def test_functions(tool: ModuleType, name: str) -> None:
    target = tool.Target("none", print)
    for target in [*tool.strategies(), *tool.functions()]:
        if target.name == name:
            break
    assert target.name == name
    found = [(tool.input_of(target, number), *tool.attack(target, number)) for number in range(40)]
    assert not [line for line in found if line[1] in tool.FAULTS]


@pytest.fixture(scope="module")
def files(tool: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command lines read."""
    return tool.prepare(tmp_path_factory.mktemp("files"))


def test_commands(tool: ModuleType, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two inputs of every command, other values for each."""
    faults = []
    for i, target in enumerate(tool.commands()):
        for number in range(2 * i, 2 * i + 2):
            folder = tmp_path / f"{i}-{number}"
            shutil.copytree(files, folder)
            monkeypatch.chdir(folder)
            kind, seen = tool.attack(target, number)
            if kind in tool.FAULTS:
                faults.append((target.name, tool.input_of(target, number), kind, seen))
    assert not faults

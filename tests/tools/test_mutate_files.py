"""Damaged files of every container: refused in one line, or read; nothing executed, memory bounded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from archcast.errors import InvalidFileError


@pytest.fixture(scope="module")
def tool(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("tools/mutate_files.py")


def test_every_container(tool: ModuleType) -> None:
    names = []
    for container in tool.containers():
        found = tool.attack(container, 12)
        assert not found.tracebacks, f"{container.name}: {found.tracebacks}"
        assert not found.events, f"{container.name}: {found.events}"
        assert found.megabytes < 300
        assert found.files == 12 == found.refused + found.read
        assert found.refused >= 4
        names.append(container.name.partition(":")[0])
    assert {"TFRecord", "bz2", "zip", "CSV", "JSON", "torch, zip", "torch, older", "npz, surrogate"} <= set(names)


def test_a_reader_that_executes_is_found(tool: ModuleType) -> None:
    """The harness itself: a reader that runs what a file says and lets errors through, and one that does not."""

    def careless(path: Path) -> object:
        data = path.read_bytes()
        if b"system" in data:
            sys.audit("os.system", b"what a pickle asks for")  # noted as if it had run
        return json.loads(data)

    data = json.dumps({"a": list(range(50))}).encode()
    found = tool.attack(tool.Container("JSON: t.json", data, careless), 40)
    assert any("os.system" in event for event in found.events)
    assert any("JSONDecodeError" in fault for fault in found.tracebacks)

    def careful(path: Path) -> object:
        if path.read_bytes() != data:
            raise InvalidFileError("damaged")
        return data

    found = tool.attack(tool.Container("JSON: t.json", data, careful), 40)
    assert not found.tracebacks + found.events
    assert found.refused + found.read == 40


def test_no_copy_is_larger_than_it_must_be(tool: ModuleType) -> None:
    rng = np.random.default_rng(0)
    data = bytes(range(256)) * 4
    copies = [tool.damaged(data, rng) for _ in range(200)]
    assert sum(copy != data for copy in copies) > 190
    assert max(map(len, copies)) < len(data) + 1500

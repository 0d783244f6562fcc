"""Fingerprints tell values apart, names are harmless."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archcast
from archcast.journal import file_name, fingerprint


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_label_becomes_one_harmless_name(a, b) -> None:
    name = file_name(a)
    assert Path(name).name == name
    assert not set(name) & set('/\\:*?"<>|\0\n ')
    assert name.lower() == name
    assert 0 < len(name.encode()) < 100
    assert not name.startswith(".")
    assert (name == file_name(b)) == (a == b)


# -- fingerprints ------------------------------------------------------------------------------------------------------


class Thing:
    def __init__(self, **held):
        vars(self).update(held)


def adder(n):
    return lambda x: x + n


SAME = {
    "arrays": lambda: np.arange(6).reshape(2, 3),
    "objects": lambda: Thing(a=[1, np.ones(3)], b={"c": None}),
    "closures": lambda: adder(3),
    "partials": lambda: partial(adder, 3),
    "methods": lambda: Thing(a=1).__init__,
    "sets": lambda: {"a", "b", "c", 1},
    "generators": lambda: np.random.default_rng(3),
}


@pytest.mark.parametrize("name", SAME)
def test_equal_values_have_equal_fingerprints(name) -> None:
    assert fingerprint(SAME[name]()) == fingerprint(SAME[name]())


def test_everything_else_differs() -> None:
    others = [
        *(make() for make in SAME.values()), None, 0, 0.0, False, "", "0", b"", [], {}, [[]], [0], (0, 0), adder(4),
        np.zeros(3), np.zeros(3, dtype=np.float32), np.zeros((3, 1)), np.arange(6).reshape(3, 2), Thing(a=2), Thing(b=2),
        partial(adder, 4), np.random.default_rng(4), np.array([1, None], dtype=object), Path("a"), Thing, adder, len, sorted,
    ]  # fmt: skip
    assert len({fingerprint(value) for value in others}) == len(others)


def test_notes_of_a_function_do_not_count() -> None:
    calls: list[int] = []

    def train(x):
        calls.append(x)
        return x

    before = fingerprint(train)
    train(3)
    assert fingerprint(train) == before


def test_what_holds_itself() -> None:
    a, b = Thing(), Thing()
    a.me, b.me = a, [b]
    assert fingerprint(a) == fingerprint(a) != fingerprint(b)


def test_source_counts_and_the_process_does_not(tmp_path) -> None:
    def run(source, call="mine.f"):
        (tmp_path / "mine.py").write_text(source)
        script = f"import mine; from archcast.journal import fingerprint; print(fingerprint({call}))"
        path = os.pathsep.join([str(tmp_path), str(Path(archcast.__file__).parents[1])])
        done = subprocess.run(
            [sys.executable, "-B", "-c", script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = run("def g(): return 1\ndef f(): return g()\n")
    assert first == run("def g(): return 1\ndef f(): return g()\n")
    assert first != run("def g(): return 2\ndef f(): return g()\n"), "what a function calls counts"
    by_code = 'lambda x: x in {"a", "b", "c", "d"} and x + "e"'
    assert run("", by_code) == run("", by_code), "the order of a set differs between processes"
    assert run("", by_code) != run("", by_code.replace('"e"', '"f"'))

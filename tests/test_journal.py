"""Journals lose nothing but a torn line, claims keep processes apart, fingerprints tell values apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archcast
from archcast.errors import ArchcastError, InvalidFileError, InvalidInputError
from archcast.journal import Journal, claimed, file_name, fingerprint
from archcast.search import FunctionObjective

JSON = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)

# -- journal -----------------------------------------------------------------------------------------------------------


@given(st.lists(JSON, min_size=1, max_size=5), st.data())
def test_a_cut_anywhere_loses_only_what_comes_after_it(tmp_path_factory, records, data) -> None:
    path = tmp_path_factory.mktemp("journal") / "x.jsonl"
    journal = Journal(path)
    for record in records:
        journal.add(record)
    assert Journal(path).records() == records
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    assert Journal(path).records() == records[:kept]
    Journal(path).add("more")
    assert Journal(path).records() == [*records[:kept], "more"]


def test_a_torn_line_is_not_joined_to_the_next(tmp_path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n{"a": ')
    Journal(path).append('{"a": 3}\n')  # nobody read it before
    assert path.read_text() == '{"a": 1}\n{"a": 3}\n'


def test_a_byte_order_mark_loses_no_line(tmp_path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n')
    journal = Journal(path)
    assert journal.records() == [{"a": 1}, {"a": 2}]
    journal.add({"a": 3})
    assert Journal(path).records() == [{"a": 1}, {"a": 2}, {"a": 3}]


@pytest.mark.parametrize("content", [b"{]\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n"], ids=["json", "text", "depth"])
def test_a_damaged_line_is_named(tmp_path, content) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": 1}\n' + content)
    with pytest.raises(InvalidFileError, match=r"x\.jsonl' cannot be continued: (line 2|byte 9)") as caught:
        Journal(path).records()
    assert len(str(caught.value)) < 400 + len(str(tmp_path))
    assert path.read_bytes() == b'{"a": 1}\n' + content, "nothing is changed"


def test_the_cut_is_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("1\n2")

    def fail(*_):
        raise OSError("disk")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk"):
        Journal(path).text()
    assert path.read_text() == "1\n2"


# -- claims ------------------------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from archcast.journal import claimed
with claimed(sys.argv[1], file=sys.argv[2] == "file"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path, kind) -> None:
    path = tmp_path / "out.csv"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path, kind], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(
                InvalidInputError, match=rf"is in use by another process \(process {holder.pid} on "
            ) as error,
            claimed(path, file=kind == "file"),
        ):
            pytest.fail("both hold it")
        assert "\n" not in str(error.value)
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    with claimed(path, file=kind == "file"):
        assert path.is_dir() == (kind == "folder")
    left = [p.name for p in tmp_path.rglob("*")]
    assert left == (["out.csv"] if kind == "folder" else []), "the lock is tidied away"


def test_of_many_processes_one_at_a_time_works(tmp_path) -> None:
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from archcast.errors import InvalidInputError
        from archcast.journal import claimed
        inside, log = Path(sys.argv[1]) / "inside", Path(sys.argv[1]) / "log"
        got = 0
        while got < 15:
            try:
                with claimed(Path(sys.argv[1]) / "out"):
                    inside.mkdir()                       # fails if another one is inside
                    time.sleep(0.001)
                    inside.rmdir()
                    got += 1
            except InvalidInputError:
                time.sleep(0.001)
        log.open("a").write("done\\n")
    """)
    ps = [subprocess.Popen([sys.executable, "-c", script, tmp_path]) for _ in range(4)]
    assert [p.wait(120) for p in ps] == [0] * 4
    assert (tmp_path / "log").read_text() == "done\n" * 4


def test_a_claim_within_a_process(tmp_path) -> None:
    with claimed(tmp_path), pytest.raises(InvalidInputError, match="in use"), claimed(tmp_path):
        pass
    with claimed(tmp_path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="cannot be a folder"), claimed(tmp_path / "file"):
        pass


def test_without_locks_of_the_file_system_one_is_warned(tmp_path, monkeypatch) -> None:
    def no_locks(_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("archcast.journal._lock", no_locks)
    with pytest.warns(UserWarning, match=r"cannot be locked \(No locks available\)"), claimed(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


# -- names -------------------------------------------------------------------------------------------------------------


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


def dies(arch: object) -> float:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def test_a_worker_that_is_killed_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArchcastError, match=r"^A worker process was killed") as caught:
        archcast.run_search(
            ["random"],
            FunctionObjective(dies, "nasbench201"),
            budget=4,
            batch=2,
            trials=1,
            jobs=2,
            out=tmp_path / "out",
        )
    assert "\n" not in str(caught.value)

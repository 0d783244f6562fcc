"""Claims keep processes apart; a worker that is killed is one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import archcast
from archcast.errors import ArchcastError, InvalidInputError
from archcast.journal import claimed
from archcast.search import FunctionObjective

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

    monkeypatch.setattr("archcast.journal.claims._lock", no_locks)
    with pytest.warns(UserWarning, match=r"cannot be locked \(No locks available\)"), claimed(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


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

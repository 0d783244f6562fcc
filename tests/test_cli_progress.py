"""Progress on a terminal and in a file; how commands are stopped."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest
import typer
import typer.core

from archcast.cli import _progress as module
from archcast.cli import main
from archcast.cli._progress import Terminated, progress_bar, stop_on_sigterm, stoppable


def test_piped_output_has_plain_lines_now_and_then(monkeypatch, capsys) -> None:
    clock = iter([0.0, 3.0, 12.0, 15.0, 23.0, 600.0])
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress_bar("trials") as bar:
        for done in range(1, 6):
            bar.update(done, 5_000, f"gp n={done} [x]" if done != 4 else "")
    err = capsys.readouterr().err.splitlines()
    assert err == [
        "2 of 5,000 trials after 0:12, gp n=2 [x]",
        "4 of 5,000 trials after 0:23",
        "5 of 5,000 trials after 10:00, gp n=5 [x]",
    ]


def test_what_cannot_be_counted_is_not_counted(monkeypatch, capsys) -> None:
    clock = iter([0.0, 12.0])
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress_bar("fits") as bar:
        bar.update(0, 0, "searches on the table")
    assert capsys.readouterr().err == "after 0:12, searches on the table\n"


def test_a_long_path_is_not_broken(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    path = "/a/" + "long" * 30
    with progress_bar("trials") as bar:
        bar.note(f"continuing in {path}")
    assert path in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_exit_codes(error, code, capsys) -> None:
    with pytest.raises(typer.Exit) as exit_, stoppable(lambda: "3 are kept"):
        raise error
    assert exit_.value.exit_code == code
    assert capsys.readouterr().err == "interrupted: 3 are kept\n"


def test_sigterm_interrupts_and_its_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), stop_on_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
@pytest.mark.parametrize("line", ["list spaces", "data list", "oneshot derive x.npz"])
def test_a_command_that_keeps_nothing_ends_in_one_line_too(line, error, code, monkeypatch, capsys) -> None:
    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr(typer.core.TyperCommand, "invoke", stop)
    with pytest.raises(SystemExit) as exit_:
        main(line.split())
    assert exit_.value.code == code
    assert capsys.readouterr().err == "interrupted\n"

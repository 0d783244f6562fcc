"""Kinds of input that somebody tried who had not seen the code; the whole list is in docs/robustness.md."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.search import FunctionObjective

SPACE = archcast.get_space("nasbench201")
ROWS = SPACE.sample(40, 0)


def bench(name: str = "t", progress: Callable[[Any], Any] | None = None) -> archcast.Results:
    table = archcast.Benchmark(name, SPACE, ROWS, {"m": ROWS.mean(axis=1)}, "m")
    return archcast.evaluate(
        ["bayesian-linear"], table, train_sizes=[10], test_size=10, trials=1, jobs=1, progress=progress
    )


def test_a_callback_that_changes_what_it_is_told_changes_no_result() -> None:
    found = bench(progress=lambda step: step.row and step.row.clear())
    assert found.rows()[0]["kendall_tau"] == bench().rows()[0]["kendall_tau"]


def test_a_name_in_letters_that_no_font_has() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "\U0001f4a9" in bench("CON\U0001f4a9").to_html()


def test_results_without_a_row_are_refused_where_they_are_shown() -> None:
    found = bench()
    empty = archcast.Results(found.frame.iloc[:0], found.protocol)
    assert empty.summary_rows() == []
    with pytest.raises(InvalidInputError, match="frame has no row"):
        empty.to_html()
    with pytest.raises(InvalidInputError, match="frame must be a DataFrame"):
        archcast.Results(found.frame.drop(columns="trial"), found.protocol)


def test_an_objective_may_return_a_tensor_but_no_text_and_no_truth_value() -> None:
    import torch

    def one(found: Any) -> Any:
        return FunctionObjective(lambda _: found, SPACE).evaluate(ROWS[0])

    assert one(torch.tensor(0.5, requires_grad=True)).scores == (0.5,)
    for wrong in ("0.5", True, np.bool_(True), 1j, None):
        assert "must return a number" in one(wrong).failure, wrong


@pytest.mark.parametrize("method", ["is_valid", "active", "settle", "function_keys", "preference"])
@pytest.mark.parametrize("archs", ["012345", 3, None, [[0.5] * 6], [[1, 2]], object(), {"a": 1}])
def test_methods_of_rows_refuse_what_are_no_rows(method: str, archs: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^archs "):
        getattr(SPACE, method)(archs)


def test_a_folder_that_is_not_there(tmp_path: Any) -> None:
    for path in (tmp_path / "no" / "page.html", "\0", 3):
        with pytest.raises(archcast.ArchcastError, match=r"^path "):
            bench().to_html(path)
    with pytest.raises(InvalidInputError, match="ends in no format"):
        bench().plot(tmp_path / "figure.xyz")


def test_a_command_spares_what_it_reads(tmp_path: Any, monkeypatch: Any, capsys: Any) -> None:
    from archcast.cli import main

    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log.csv"
    log.write_text("epoch,accuracy\n1,0.1\n2,0.2\n")
    for line, said in (
        (["forecast", "log.csv", "--epochs", "9", "--out", "./log.csv"], "is the file that is read"),
        (["forecast", ""], "an argument is an empty text"),
        (["oneshot"], "a command is missing"),
    ):
        with pytest.raises(SystemExit) as end:
            main(line)
        assert end.value.code == 2, line
        assert said in capsys.readouterr().err, line
    assert log.read_text().startswith("epoch")
    log.write_text("epoch,accuracy\n1,0.1\n" + "x" * 200_000 + "\n")
    with pytest.raises(SystemExit) as end:
        main(["forecast", "log.csv"])
    assert end.value.code == 2
    assert "line" in capsys.readouterr().err

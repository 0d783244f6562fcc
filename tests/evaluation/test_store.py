"""Files are whole or not there, and rows survive the trip through them exactly."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcast.evaluation.store import Store
from archcast.evaluation.trial import COLUMNS
from archcast.files import write_whole

PROTOCOL = {"seed": 0, "train_sizes": (5, 10), "predictors": {"a": "A()"}}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)


def row(**changes):
    base = {name: {str: "", int: 0, float: math.nan}[kind] for name, kind in COLUMNS.items()}
    return {**base, "predictor": "a", "train_size": 5, **changes}


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch) -> None:
    write_whole(tmp_path / "file", "old")

    def fail(*_):
        raise OSError("disk")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk"):
        write_whole(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


@given(TEXT, TEXT, st.floats(allow_nan=True, allow_infinity=False), st.integers(0, 10**9))
def test_rows_round_trip(tmp_path_factory, predictor, error, number, trial) -> None:
    folder = tmp_path_factory.mktemp("run")
    written = row(predictor=predictor, error=error, kendall_tau=number, trial=trial)
    Store(folder, PROTOCOL).append(written)
    (read,) = Store(folder, PROTOCOL).rows.values()
    assert {k: v for k, v in read.items() if k != "kendall_tau"} == pytest.approx(
        {k: v for k, v in written.items() if k != "kendall_tau"}, nan_ok=True
    )
    assert read["kendall_tau"] == number or math.isnan(number)
    assert math.isnan(read["kendall_tau"]) == math.isnan(number)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_forgotten(tmp_path, cut) -> None:
    store = Store(tmp_path, PROTOCOL)
    for trial in range(3):
        store.append(row(trial=trial, kendall_tau=0.5))
    data = store.path.read_bytes()
    store.path.write_bytes(data[: len(data) - cut])
    again = Store(tmp_path, PROTOCOL)
    lost = data[-cut:].count(b"\n")
    assert [key[2] for key in again.rows] == list(range(3 - lost))
    again.append(row(trial=9))
    assert [key[2] for key in Store(tmp_path, PROTOCOL).rows] == [*range(3 - lost), 9]


def test_the_last_of_two_rows_of_a_trial_counts(tmp_path) -> None:
    store = Store(tmp_path, PROTOCOL)
    store.append(row(error="ValueError: x"))
    store.append(row(kendall_tau=0.25))
    (kept,) = Store(tmp_path, PROTOCOL).rows.values()
    assert kept["kendall_tau"] == 0.25
    assert kept["error"] == ""
    store.tidy([kept])
    assert store.path.read_text().count("\n") == 2

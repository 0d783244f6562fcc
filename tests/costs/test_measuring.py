"""Measuring: turns, drift, what is kept, and that nothing global changes. No test asserts how long anything takes."""

from __future__ import annotations

import json

import numpy as np
import pytest

import archcast
from archcast import Task
from archcast.costs.measuring import _inputs, _threads, measure, rounds
from archcast.data.tables import read_table
from archcast.errors import InvalidFileError, InvalidInputError

SPACE = archcast.get_space("nasbench201")
SMALL = Task((3, 8, 8), width=4, depth=1)
ROWS = np.array([[3, 3, 3, 3, 3, 3], [0, 0, 0, 0, 0, 0], [3, 1, 2, 4, 0, 1]])
QUICK = {"runs": 3, "warmup": 1}


class Clock:
    """Seconds that pass only when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: float):
        def run() -> None:
            self.now += seconds
            self.calls.append(name)

        return run


def test_everybody_has_a_turn_in_every_round_in_a_new_order() -> None:
    clock = Clock()
    names = "abcd"
    runs = [clock.work(name, 0.001 * (i + 1)) for i, name in enumerate(names)]
    waits = []
    times = rounds(runs, 20, np.random.default_rng(0), warmup=2, wait=lambda: waits.append(1), now=clock)
    np.testing.assert_allclose(times, np.repeat([[1.0], [2.0], [3.0], [4.0]], 20, axis=1))
    order = [tuple(clock.calls[i : i + 4]) for i in range(0, len(clock.calls), 4)]
    assert len(order) == 22, "two rounds to warm up"
    assert all(sorted(each) == list(names) for each in order)
    assert len(set(order)) > 5
    assert len(waits) == 2 * 4 * 22, "the device is waited for before each start and each stop"


def test_drift_is_taken_out(monkeypatch) -> None:
    """A machine on which everything takes twice as long in every second group gives the same figures for all."""
    from archcast.costs import measuring

    number = []

    def fake(space, rows, *_):
        number.append(len(rows))
        slow = 2.0 if len(number) % 2 else 1.0
        return [(slow * np.full(3, 1.0 + row.sum()), "") for row in rows]

    monkeypatch.setattr(measuring, "_timed_group", fake)
    rows = SPACE.sample(8, 1)
    rows[:, 0] = np.arange(8) % 5
    found = measure(SPACE, rows, SMALL, runs=3, together=1)
    ratio = found.milliseconds / (1.0 + rows.sum(axis=1))
    np.testing.assert_allclose(ratio, ratio[0])
    assert set(np.round(found.drift / found.drift.min(), 6)) == {1.0, 2.0}


def test_it_measures_and_continues(tmp_path) -> None:
    out = tmp_path / "found"
    first = measure(SPACE, ROWS[:2], SMALL, out=out, **QUICK)
    assert first.milliseconds.shape == first.spread.shape == (2,)
    assert (first.milliseconds > 0).all()
    assert first.failures == ("", "")
    lines = (out / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["arch"] for line in lines[1:]] == ROWS[:2].tolist()
    told = []
    second = measure(SPACE, ROWS, SMALL, out=out, progress=lambda *numbers: told.append(numbers), **QUICK)
    assert told == [(3, 3)], "only the third row was left"
    assert (out / "runs.jsonl").read_text().splitlines()[:3] == lines
    np.testing.assert_allclose((second.milliseconds * second.drift)[:2], (first.milliseconds * first.drift)[:2])
    table = (out / "latency.csv").read_text().splitlines()
    assert table[0] == "arch,latency_ms,spread_ms,drift,failure"
    benchmark = read_table(out / "latency.csv", SPACE, score_column="latency_ms")
    np.testing.assert_array_equal(benchmark.archs, ROWS)
    np.testing.assert_allclose(benchmark.scores(), second.milliseconds, rtol=1e-5)


def test_other_settings_are_refused(tmp_path) -> None:
    measure(SPACE, ROWS[:1], SMALL, out=tmp_path, **QUICK)
    with pytest.raises(InvalidInputError, match="holds other measurements"):
        measure(SPACE, ROWS[:1], SMALL, out=tmp_path, batch=2, **QUICK)
    journal = tmp_path / "runs.jsonl"
    journal.write_text(journal.read_text().splitlines()[0] + "\n[3]\n")
    with pytest.raises(InvalidFileError, match="holds a line that is no measurement"):
        measure(SPACE, ROWS[:1], SMALL, out=tmp_path, **QUICK)


def test_a_network_that_fails_fails_alone() -> None:
    class Moody(type(SPACE)):
        def build(self, arch, task=None, *, pruned=False):
            if np.asarray(arch).sum() == 0:
                raise RuntimeError("no such layer")
            return super().build(arch, task, pruned=pruned)

    found = measure(Moody(), ROWS, SMALL, **QUICK)
    assert found.failures == ("", "RuntimeError: no such layer", "")
    assert np.isnan(found.milliseconds).tolist() == [False, True, False]
    with pytest.raises(InvalidInputError, match="the network of the first row"):
        measure(Moody(), ROWS[1:], SMALL, **QUICK)


@pytest.mark.usefixtures("no_device_is_seeded")
def test_nothing_global_changes() -> None:
    import torch

    before = torch.get_num_threads(), torch.random.get_rng_state()
    with _threads(before[0] + 2):
        assert torch.get_num_threads() == before[0] + 2
    measure(SPACE, ROWS[:1], SMALL, **QUICK)
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])
    assert torch.is_grad_enabled()


def test_inputs_are_those_of_the_task() -> None:
    import torch

    task = Task(((4, 6), (5,)), outputs=(7, 5), dtype=("float32", "int64"), vocabulary=(None, 7))
    images, tokens = _inputs(task, 3, torch.device("cpu"))
    assert images.shape == (3, 4, 6)
    assert images.dtype == torch.float32
    assert tokens.shape == (3, 5)
    assert tokens.dtype == torch.int64
    assert 0 <= tokens.min() <= tokens.max() < 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runs": 1}, "runs must be a whole number of at least 2, got 1"),
        ({"batch": 0}, "batch must be a whole number of at least 1"),
        ({"clock": "sun"}, "Unknown clock 'sun'"),
        ({"device": "abacus"}, "device 'abacus' cannot be used: no device has this name. Use cpu or"),
        ({"clock": "processor", "threads": 2}, "counts one thread of the processor"),
    ],
)
def test_wrong_settings(arguments, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        measure(SPACE, ROWS, SMALL, **{**QUICK, **arguments})

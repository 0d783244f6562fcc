"""The report of supernets, on a small table whose accuracies are known."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.data import Benchmark
from archcast.errors import InvalidInputError
from archcast.evaluation.shared_weights import as_page, compared, diagnosed
from archcast.training import settings_for

SPACE = archcast.get_space("nasbench201")
ROWS = np.unique(SPACE.canonical(SPACE.sample(24, 0)), axis=0)
TABLE = Benchmark("mine", SPACE, ROWS, {"test_accuracy": (ROWS == 3).sum(axis=1) / 6}, "test_accuracy")
SMALL = {
    "task": archcast.Task(width=4, depth=1, stages=1),
    "epochs": 2,
    "batch_size": 384,
    "images": 20,
    "random_state": 0,
}


def made(method, **params):
    return archcast.get_predictor(method, SPACE, **SMALL, watch=ROWS[:12], **params).init()


@pytest.fixture(scope="module")
def darts():
    return made("one-shot-darts")


@pytest.fixture(scope="module")
def report(darts):
    return diagnosed(darts, TABLE)


def section(sections, words):
    (found,) = [one for one in sections if words in one.title]
    return found


def test_tau_over_epochs_is_that_of_the_watched_rows(darts, report):
    rows = section(report, "over epochs, 12 architectures").rows
    truth = TABLE.metrics["test_accuracy"][:12]
    for line, losses, accuracies in zip(rows[1:], darts.diary_["loss"], darts.diary_["accuracy"], strict=True):
        assert float(line[1]) == pytest.approx(kendalltau(-losses, truth).statistic, abs=6e-4)
        assert float(line[2]) == pytest.approx(kendalltau(accuracies, truth).statistic, abs=6e-4)


def test_the_mixture_over_epochs(darts, report):
    rows = section(report, "mixture over epochs").rows
    for line, derived, gap in zip(
        rows[1:], darts.diary_["derived"], darts.diary_["derived_loss"] - darts.diary_["mixture_loss"]
    ):
        assert line[2] == f"{(derived == 1).mean():.0%}"
        assert line[3] == f"{(derived == 0).mean():.0%}"
        assert float(line[4]) == pytest.approx(gap, abs=6e-4)
        assert SPACE.parse(line[5])[0].tolist() == derived.tolist()


def test_size_and_operations_are_mean_ranks(report):
    rows = section(report, "Size").rows
    assert sum(int(line[1]) for line in rows[1:]) == len(ROWS)
    assert sum(int(line[1]) * float(line[2]) for line in rows[1:]) == pytest.approx(0, abs=0.2)
    for line in rows[1:]:
        assert float(line[4]) == pytest.approx(float(line[2]) - float(line[3]), abs=0.011)
    assert section(report, "less that of the accuracies").rows[0][1:] == list(SPACE.operations)


def test_derived_cells_have_their_accuracy_and_rank(darts, monkeypatch):
    monkeypatch.setattr("archcast.training.settings_for", partial(settings_for, epochs=1))
    row = darts.derive("weights")
    rows = section(diagnosed(darts, TABLE, trainings=1), "Derived").rows
    line = next(one for one in rows if one[0] == "weights")
    assert SPACE.parse(line[1])[0].tolist() == row.tolist()
    assert 0 < float(line[3]) <= 1, "a training says how good it is alone"
    better = (TABLE.metrics["test_accuracy"] > float(line[3])).mean()
    assert abs(float(line[4].rstrip("%")) / 100 - better) < 0.06


def test_the_page_has_every_figure_and_loads_nothing(report):
    page = as_page("DARTS", report)
    for words in (
        "largest eigenvalue",
        "less that of the mixture",
        "share of the derived",
        "with shared weights",
        "training loss",
    ):
        assert words in page
    assert page.count("<svg") == 6
    assert "http" not in page.replace("http://www.w3.org", "")


def test_dropout_rates_are_compared():
    nets = {f"p{rate}": made("one-shot-drop-path", rate=rate) for rate in (0.2, 0.6)}
    found = compared(nets, TABLE)
    assert [line[2] for line in found.rows[1:]] == ["0.2", "0.6"]
    for line, net in zip(found.rows[1:], nets.values()):
        tau = kendalltau(net.query(ROWS).mean, TABLE.metrics["test_accuracy"]).statistic
        assert float(line[3]) == pytest.approx(tau, abs=6e-4)
    assert len(found.figures) == 2
    page = as_page("two", [found])
    assert "dropout rate" in page
    assert "p0.6" in page


def test_a_benchmark_of_another_space_is_refused(darts):
    with pytest.raises(InvalidInputError, match="is of space 'nasbench-graph', the supernet of 'nasbench201'"):
        diagnosed(darts, archcast.load_benchmark("nas-bench-graph/cora"))

"""Sources in an evaluation: a row with and one without, nothing that is tested on, and errors in one line."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.evaluation.presets import PRESETS
from archcast.evaluation.sources import told
from archcast.evidence import Source
from archcast.predictors import Prediction, Predictor

SPACE = archcast.get_space("nasbench201")


class Listens(Predictor):
    """Remembers its sources and ranks by their mean score."""

    learns_from_sources = True
    heard = ()

    def _init(self, known):
        Listens.heard += (known.sources,)
        self.correlations = [0.5, 0.1][: len(known.sources)]

    def _query(self, archs, evidence):
        return Prediction((archs == 3).sum(axis=1).astype(float))


@pytest.fixture
def listens():
    Listens.heard = ()
    return Listens(SPACE)


def test_a_row_with_and_a_row_without_and_no_look_up(tiny, listens):
    other = Source(SPACE, tiny.archs, np.arange(300.0))
    settings = {"train_sizes": [10], "test_size": 40, "trials": 2}
    results = archcast.evaluate({"mine": listens}, tiny, sources={"all": tiny, "other": other}, **settings)
    assert [str(name) for name in results.summary()["predictor"]] == ["mine", "mine + sources"]
    assert list(results.summary()["correlations"]) == ["", "0.500 0.100"]
    assert list(results.protocol["sources"]) == ["all", "other"]
    assert [len(sources) for sources in Listens.heard] == [0, 2, 0, 2]
    plan_tests = {frozenset(map(bytes, SPACE.canonical(tiny.archs)))}
    for _, (known, more) in zip(range(2), Listens.heard[1::2]):
        assert len(known.archs) <= 240  # 280 rows have a score, 40 are tested on
        assert len(more.archs) <= 260
        kept = set(map(bytes, SPACE.canonical(more.archs)))
        assert kept < set().union(*plan_tests)
        assert (np.diff(more.scores) > 0).all()


def test_tested_functions_are_gone_from_the_source(tiny, listens):
    heard, made = told([tiny], tiny, {"mine": listens})
    assert list(made) == ["mine", "mine + sources"]
    test = np.arange(20, 200)
    (left,) = heard.of("mine + sources", test)
    tested = set(map(bytes, SPACE.canonical(tiny.archs[test])))
    assert not tested & set(map(bytes, SPACE.canonical(left.archs)))
    assert heard.of("mine", test) == ()
    with pytest.raises(InvalidInputError, match="all rows of 'tiny' are tested on: that would be a look-up"):
        heard.of("mine + sources", np.arange(300))


def test_the_gain_of_a_related_task_is_seen(tiny):
    archs = SPACE.sample(150, 0)
    source = Source(SPACE, archs, (archs == 3).sum(axis=1) + 0.3 * (archs == 2).sum(axis=1))
    results = archcast.evaluate(["gp", "random-forest"], tiny, sources=source, train_sizes=[6], test_size=100, trials=2)
    rows = {row["label"]: row for row in results.summary_rows()}
    assert set(rows) == {"gp", "random-forest", "gp + sources"}
    assert rows["gp + sources"]["kendall_tau"] > rows["gp"]["kendall_tau"]
    assert 0.3 < float(rows["gp + sources"]["correlations"]) <= 1


@pytest.mark.parametrize(
    ("predictors", "sources", "message"),
    [
        (["gp"], [], "sources is empty"),
        (["gp"], 3, "sources must"),
        (["gp"], [3], r"sources\['source 1'\] must be the name of a benchmark"),
        (["gp"], ["digits", "digits"], "sources holds 'digits' twice"),
        (["gp"], "digit", "Did you mean 'digits'"),
        (["gp"], "digits:val_accurasy", "val_accurasy"),
        (["random-forest"], "digits", "'digits' is given, and none of the predictors learns from sources"),
        (["gp"], Source("nats-size", np.zeros((3, 5)), np.arange(3.0)), "is of space 'nats-size', and none"),
    ],
)
def test_errors_before_anything_runs(tiny, predictors, sources, message):
    with pytest.raises(archcast.ArchcastError, match=message):
        archcast.evaluate(predictors, tiny, sources=sources, train_sizes=[6], test_size=20, trials=1)


def test_the_protocol_of_nds_runs_where_its_files_are(monkeypatch):
    tables = {}
    for family in ("nasnet", "amoeba", "pnas", "enas", "darts"):
        space = archcast.get_space(f"nds-{family}")
        archs = space.sample(30, 0)
        tables[f"nds/{family}"] = archcast.Benchmark(
            f"nds/{family}", space, archs, {"acc": archs[:, -2:].sum(axis=1) + 0.1 * archs[:, 1]}, "acc"
        )
    monkeypatch.setattr("archcast.evaluation.sources.load_benchmark", tables.__getitem__)
    kinds = {
        "flan": archcast.get_predictor("flan", "nds-pnas", n_members=1, hidden=8, layers=1, epochs=2, source_epochs=1)
    }
    results = archcast.evaluate(
        {**kinds, "forest": archcast.get_predictor("random-forest", "nds-pnas", n_estimators=5)},
        tables["nds/pnas"],
        preset="nds-transfer",
        trials=1,
    )
    assert {row["label"] for row in results.summary_rows()} == {"flan", "flan + sources", "forest"}
    assert not results.frame["error"].any()
    assert results.protocol["train_sizes"] == (16,)
    assert list(results.protocol["sources"]) == ["nds/nasnet", "nds/amoeba", "nds/enas", "nds/darts"]
    assert PRESETS["nds-transfer"].spaces["nds-darts"] == (100,)

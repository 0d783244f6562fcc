"""Fitting a table and ranking candidates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.choosing import Model, fit, read_table
from archcast.errors import InvalidFileError, InvalidInputError


@pytest.fixture(scope="module")
def model(plain):
    return fit(read_table(plain), "gp")[0]


def test_rank(model, candidates, truth):
    ranked = model.rank(candidates)
    assert [record["rank"] for record in ranked] == list(range(1, 31))
    assert sorted(record["row"] for record in ranked) == list(range(1, 31))
    means = [record["mean"] for record in ranked]
    assert means == sorted(means, reverse=True)
    for record in ranked:
        assert record["low90"] < record["mean"] < record["high90"]
        assert {k: record[k] for k in candidates[0]} == candidates[record["row"] - 1]
    assert kendalltau(means, [truth[record["row"] - 1] for record in ranked]).statistic > 0.6


def test_lower_is_better(plain):
    table = read_table([{**row, "val_acc": None} | {"loss": 1 - row["val_acc"]} for row in plain], score="loss")
    model = fit(table, "gp", validate=False)[0]
    ranked = model.rank(plain)
    means = [record["mean"] for record in ranked]
    assert means == sorted(means)
    assert ranked[0]["low90"] < ranked[0]["mean"] < ranked[0]["high90"]


def test_save_and_load(model, candidates, tmp_path):
    model.save(tmp_path / "model.npz")
    again = Model.load(tmp_path / "model.npz")
    assert again.rank(candidates) == model.rank(candidates)
    assert again.roles == model.roles
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(InvalidFileError, match="does not begin like a zip"):
        Model.load(tmp_path / "bad.npz")
    model.predictor.save(tmp_path / "predictor.npz")
    with pytest.raises(InvalidFileError):
        Model.load(tmp_path / "predictor.npz")
    with pytest.raises(InvalidInputError, match="does not exist"):
        model.save(tmp_path / "none" / "model.npz")


def test_what_is_far_is_said(model, candidates):
    odd = [*candidates[:5], {**candidates[0], "width1": 4096}, {**candidates[0], "act": "swish"}]
    ranked = {record["row"]: record for record in model.rank(odd)}
    assert "width1 4096 is beyond 16 to 128" in ranked[6]["note"]
    assert ranked[7]["rank"] is None
    assert ranked[7]["mean"] is None
    assert "act: 'swish' is none of its values" in ranked[7]["note"]
    assert all(ranked[row]["note"] == "" for row in range(1, 6))
    with pytest.raises(InvalidInputError, match=r"None of the 1 candidates can be ranked. Row 1: act: 'swish'"):
        model.rank([{**candidates[0], "act": "swish"}])
    with pytest.raises(InvalidInputError, match="There are no candidates"):
        model.rank([])


def test_a_combination_far_from_all():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 10, 60)
    table = read_table({"a": a, "b": a, "score": a + rng.random(60)})
    model = fit(table, "gp", validate=False)[0]
    near, far = model.rank({"a": [4, 0], "b": [4, 9]}), None
    far = next(record for record in near if record["row"] == 2)
    assert "far from anything seen" in far["note"]
    assert next(record for record in near if record["row"] == 1)["note"] == ""


def test_evidence_that_candidates_lack_can_be_done_without(rows, candidates):
    model = fit(read_table(rows), "stack", validate=False)[0]
    assert model.roles.curves
    assert len(model.rank(candidates)) == 30


def test_validation_beside_trivial_rankings(plain):
    _, validated = fit(read_table(plain), "gp")
    names = [found.name for found in validated]
    assert names == ["gp", "params alone", "best single decision"]
    assert validated[0].tau > validated[1].tau > 0.4
    assert all(0 < found.error < 0.2 for found in validated)
    assert 0.5 < validated[0].covered <= 1


def test_a_predictor_that_cannot_is_an_error(plain):
    with pytest.raises(InvalidInputError, match="reads cell graphs"):
        fit(read_table(plain), "gcn")

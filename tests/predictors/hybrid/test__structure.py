"""What `stack` is shown: evidence with gaps, sizes, and numbers beside them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.linear_model import Ridge

from archcast.evidence import Evidence, Pool
from archcast.predictors.features import evidence_columns
from archcast.predictors.hybrid._structure import RIDGE, FilledEvidence, Structure, measured
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

from .conftest import SPACE, accuracy

MACRO = get_space("transnasbench101-macro")


def columns(evidence):
    return measured(evidence, evidence_columns(evidence))


def filled(evidence, archs, pool=None):
    structure, of_pool = Structure.of(SPACE, pool), None if pool is None else columns(pool.evidence)
    return FilledEvidence.of(columns(evidence), structure, structure.view(archs), pool, of_pool), structure


def test_no_evidence():
    assert filled(Evidence(), SPACE.sample(5, 0))[0] is None


def test_gaps_of_a_column_that_is_mostly_known_are_failures(rng):
    archs = SPACE.sample(600, 0)
    broken = ~SPACE.graphs(archs).pruned().adjacency.any(axis=(1, 2))
    assert broken.sum() >= 5
    nwot = np.where(broken, np.nan, accuracy(archs))
    evidence, structure = filled(
        Evidence(proxies={"nwot": nwot}), archs[:20], Pool(archs, Evidence({}, {"nwot": nwot}))
    )
    quantiles = evidence.quantiles(structure.view(archs).matrix, columns(Evidence(proxies={"nwot": nwot})))[:, 0]
    assert quantiles[broken].max() < np.quantile(quantiles[~broken], 0.05)
    np.testing.assert_allclose(quantiles[~broken], np.clip(rank_normal(np.nan_to_num(nwot, nan=-1)), -3, 3)[~broken])


def test_gaps_of_a_column_that_is_seldom_known_are_read_off_the_structure(rng):
    archs = SPACE.sample(600, 0)
    truth = accuracy(archs)
    nwot = np.where(rng.random(600) < 0.7, np.nan, truth)
    evidence, structure = filled(
        Evidence(proxies={"nwot": nwot}), archs[:20], Pool(archs, Evidence({}, {"nwot": nwot}))
    )
    gaps = np.isnan(nwot)
    quantiles = evidence.quantiles(structure.view(archs).matrix, columns(Evidence(proxies={"nwot": nwot})))[:, 0]
    assert np.isfinite(quantiles).all()
    assert kendalltau(quantiles[gaps], truth[gaps]).statistic > 0.7
    assert abs(np.median(quantiles[gaps]) - np.median(quantiles[~gaps])) < 0.3


def test_filling_is_ridge_regression(rng):
    archs = SPACE.sample(30, 0)
    evidence, structure = filled(Evidence(proxies={"a": accuracy(archs)}), archs)
    x, new = structure.view(archs).matrix, structure.view(SPACE.sample(9, 5)).matrix
    theirs = Ridge(RIDGE).fit(x, np.clip(rank_normal(accuracy(archs)), -3, 3)).predict(new)
    np.testing.assert_allclose(evidence.quantiles(new, {})[:, 0], np.clip(theirs, -3, 3), atol=1e-8)


@pytest.mark.parametrize("values", [[np.nan] * 8, [1.0] * 8, [1.0] + [np.nan] * 7])
def test_columns_that_say_nothing(values):
    archs = SPACE.sample(8, 0)
    evidence, structure = filled(Evidence(proxies={"synflow": values}), archs)
    quantiles = evidence.quantiles(structure.view(archs).matrix, columns(Evidence(proxies={"synflow": values})))
    np.testing.assert_allclose(quantiles, 0, atol=1e-9)


def test_the_size_of_a_chain_is_its_multiplications():
    archs = MACRO.sample(60, 0)
    structure = Structure.of(MACRO, None)
    assert structure.counted
    assert not Structure.of(SPACE, None).counted
    size, macs = structure.view(archs).size, MACRO.costs(archs)["macs"]
    assert kendalltau(size, macs).statistic > 0.999
    assert abs(np.median(structure.view(MACRO.sample(500, 1)).size)) < 0.1


@pytest.mark.parametrize("name", ["transnasbench101-macro", "auto-keras"])
def test_beside_the_multiplications_stand_parameters_and_activations(name):
    space = get_space(name)
    archs, costs = space.sample(40, 3), space.costs(space.sample(40, 3), pruned=True)
    view = Structure.of(space, None).view(archs)
    for column, count in zip(view.beside.T, ("params", "activations"), strict=True):
        assert kendalltau(column, costs[count]).statistic > 0.999


def test_beside_the_weights_of_a_cell_stand_those_of_its_heaviest_path():
    # a chain of two 3x3 convolutions; two 3x3 convolutions side by side; one
    archs = SPACE.validate([[3, 0, 0, 0, 3, 0], [3, 3, 0, 0, 1, 1], [3, 0, 0, 0, 1, 0]])
    view = Structure.of(SPACE, None).view(archs)
    assert view.size[0] == view.size[1] > view.size[2]
    assert view.beside[0] > view.beside[1] == view.beside[2]

from __future__ import annotations

import numpy as np
import pytest

from archcast.encodings.base import get_encoding
from archcast.errors import InvalidInputError, MissingEvidenceError, UnknownNameError
from archcast.evidence import Evidence, Pool
from archcast.predictors.features import FeatureGroups
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS = SPACE.sample(30, 0)
NAN = float("nan")


def test_groups_are_standardised_over_the_space():
    features = FeatureGroups.of(SPACE, "adjacency")
    everything = features.matrix(SPACE.enumerate())
    np.testing.assert_allclose(everything.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(everything.std(axis=0), 1, atol=0.1)


def test_pool_sets_mean_sd_and_distance():
    pool = Pool(SPACE.sample(200, 1))
    features = FeatureGroups.of(SPACE, ("adjacency", "adjacency"), pool=pool)
    raw = get_encoding("adjacency", SPACE).transform(pool.archs).astype(float)
    standard = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    groups = features.groups(pool.archs)
    assert len(groups) == 2
    np.testing.assert_allclose(groups[0], standard)
    apart = np.sqrt(((standard[:, None] - standard[None]) ** 2).sum(axis=2))[np.triu_indices(200, 1)]
    assert features.distances[0] == pytest.approx(np.median(apart[apart > 0]))
    assert features.distances[0] == features.distances[1]


def test_a_column_that_is_constant_in_the_pool_is_not_divided_by_zero():
    pool = Pool(np.full((5, 6), 3))
    assert np.isfinite(FeatureGroups.of(SPACE, "adjacency", pool=pool).matrix(ARCHS)).all()


def test_evidence_is_rank_normal_over_the_pool_and_missing_is_lowest():
    values = np.array([5.0, 1e40, NAN, 2.0])
    pool = Pool(ARCHS[:4], Evidence(proxies={"p": values}))
    features = FeatureGroups.of(SPACE, "adjacency", Evidence(proxies={"p": [7.0]}), pool)
    group = features.groups(ARCHS[:4], Evidence(proxies={"p": values}))[1]
    np.testing.assert_allclose(group[:, 0], rank_normal(np.array([5.0, 1e40, -1e9, 2.0])))


def test_evidence_beyond_the_training_rows_stays_finite_and_ordered():
    features = FeatureGroups.of(SPACE, "adjacency", Evidence(proxies={"p": [1.0, 2.0, 4.0]}))
    group = features.groups(ARCHS[:5], Evidence(proxies={"p": [-1e48, 1.0, 1.5, 4.0, 1e48]}))[1][:, 0]
    assert (np.diff(group) > 0).all()
    assert np.abs(group).max() <= 3


@pytest.mark.parametrize("values", [[2.0, 2.0], [NAN, NAN], [2.0, NAN]])
def test_evidence_that_says_nothing_or_little(values):
    evidence = Evidence(proxies={"p": values})
    features = FeatureGroups.of(SPACE, "adjacency", evidence)
    group = features.groups(ARCHS[:2], evidence)[1][:, 0]
    distinct = len(set(map(str, values))) > 1
    assert (group[0] > group[1]) if distinct else (group == 0).all()
    assert np.isfinite(features.groups(ARCHS[:2], Evidence(proxies={"p": [1e30, -1e30]}))[1]).all()


def test_curves_give_their_last_known_value_and_their_mean():
    curve = np.array([[1.0, 2.0, NAN], [3.0, NAN, NAN], [NAN, NAN, NAN], [1.0, 1.0, 1.0]])
    evidence = Evidence(curves={"accuracy": curve}, costs={"latency_ms": np.arange(4.0)})
    features = FeatureGroups.of(SPACE, "adjacency", evidence)
    group = features.groups(ARCHS[:4], evidence)[1]
    assert features.evidence is not None
    assert [(c.kind, c.name) for c in features.evidence.columns] == [
        ("cost", "latency_ms"),
        ("last", "accuracy"),
        ("mean", "accuracy"),
    ]
    assert group[:, 1].argsort().tolist() == [2, 3, 0, 1]  # last: 2, 3, unknown, 1
    assert group[:, 2].argsort().tolist() == [2, 3, 0, 1]  # mean: 1.5, 3, unknown, 1
    longer = np.concatenate([curve, np.full((4, 2), 99.0)], axis=1)
    again = features.groups(ARCHS[:4], Evidence(curves={"accuracy": longer}, costs={"latency_ms": np.arange(4.0)}))[1]
    np.testing.assert_array_equal(group, again)


def test_evidence_absent_at_query_is_named_and_extra_evidence_ignored():
    features = FeatureGroups.of(SPACE, "adjacency", Evidence(proxies={"snip": [1.0, 2.0]}))
    with pytest.raises(MissingEvidenceError, match=r"evidence\.proxies\['snip'\] was given at init but not at query"):
        features.groups(ARCHS[:2])
    both = features.groups(ARCHS[:2], Evidence(proxies={"zen": [0.0, 0.0], "snip": [1.0, 2.0]}))
    assert both[1].shape == (2, 1)


def test_wrong_encodings():
    with pytest.raises(UnknownNameError, match="Did you mean 'adjacency'"):
        FeatureGroups.of(SPACE, "adjacencies")
    with pytest.raises(InvalidInputError, match="encoding is empty"):
        FeatureGroups.of(SPACE, ())

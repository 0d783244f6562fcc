"""Rank aggregates against sums written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from archcast.errors import InvalidInputError, MissingEvidenceError, UnknownNameError
from archcast.names import AGGREGATED
from archcast.proxies import PROXIES
from archcast.proxies.aggregate import AGGREGATES, aggregate, log_ranks


def test_log_ranks_by_hand() -> None:
    found = log_ranks([3.0, 1.0, np.nan, 3.0, 2.0])
    assert found == pytest.approx([math.log(r / 5) for r in (4.5, 2, 1, 4.5, 3)])


@given(arrays(float, st.integers(1, 30), elements=st.floats(-1e9, 1e9) | st.just(math.nan)))
def test_log_ranks_count_who_is_beaten(values: np.ndarray) -> None:
    filled = np.where(np.isnan(values), -np.inf, values)
    ranks = [(filled < v).sum() + ((filled == v).sum() + 1) / 2 for v in filled]
    assert np.exp(log_ranks(values)) * len(values) == pytest.approx(ranks)


@pytest.mark.parametrize("name", sorted(AGGREGATES))
def test_aggregate_is_the_sum(name: str, rng: np.random.Generator) -> None:
    proxies = AGGREGATES[name].proxies
    assert all(proxy in PROXIES for proxy in proxies)
    scores = {proxy: rng.standard_normal(20) for proxy in (*proxies, "unrelated")}
    scores[proxies[0]][3] = np.nan
    expected = sum(log_ranks(scores[proxy]) for proxy in proxies)
    assert aggregate(name, scores) == pytest.approx(expected)
    monotone = {proxy: np.exp(values) for proxy, values in scores.items()}
    assert aggregate(name, monotone) == pytest.approx(expected)


def test_who_is_best_in_everything_is_first() -> None:
    scores = {proxy: [1.0, 5.0, 2.0] for proxy in AGGREGATES["vote"].proxies}
    assert aggregate("vote", scores).argmax() == 1
    assert aggregate("vote", {proxy: [] for proxy in scores}).shape == (0,)


def test_errors() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown aggregate 'vot'. Did you mean 'vote'"):
        aggregate("vot", {})
    with pytest.raises(MissingEvidenceError, match="'az_nas' needs the scores of az_progressivity, az_trainability"):
        aggregate("az_nas", {"flops": [1.0], "az_expressivity": [1.0]})
    lengths = {proxy: [1.0] * (i + 1) for i, proxy in enumerate(AGGREGATES["vote"].proxies)}
    with pytest.raises(InvalidInputError, match="of the same architectures, got lengths log_synflow 1, "):
        aggregate("vote", lengths)
    with pytest.raises(InvalidInputError, match=r"values must have shape \(n,\), got \(1, 2\)"):
        log_ranks([[1.0, 2.0]])


def test_their_names_are_known_without_them() -> None:
    """The command line refuses what is neither a proxy nor an aggregate before scipy is imported."""
    assert tuple(AGGREGATES) == AGGREGATED

"""The transformer and its tokens: causality, the tokens a slow loop would make, the shipped weights."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
import torch

from archcast.predictors.learning_curve import _pfn
from archcast.predictors.networks import single

DIGEST = "ad49c6c715d87f970fc4cbfa12fc36c0f813a989037dd1d6632241b0a9c05c47"
"""SHA-256 of the shipped weights; a new training writes a new one here."""


def curves(n: int, epochs: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(
        rng.uniform(0.3, 0.9, (n, 1)) * (1 - 0.9 ** np.arange(1, epochs + 1)) + rng.normal(0, 0.01, (n, epochs)), 0, 1
    )


def slow_tokens(curve: np.ndarray, horizon: int, rates: np.ndarray | None) -> np.ndarray:
    """One curve, one token at a time, as the docstring says."""
    known = [t for t in range(1, len(curve) + 1) if not np.isnan(curve[t - 1])]
    known = known[:: -math.ceil(horizon / 300)][::-1]
    if len(known) > 40:
        c = len(known)
        known = [known[round(k * (c - 11) / 29)] for k in range(30)] + known[-10:]

    def squeeze(d: float) -> float:
        return math.copysign(math.log1p(abs(d) / 0.002) / 5, d)

    unit = max(horizon / 300, 1)
    out, previous, since = [], curve[known[0] - 1], known[0]
    for t in known:
        y, highest = curve[t - 1], np.nanmax(curve[:t])
        row = [2 * y - 1, math.log1p(t / unit) / math.log(301), t / horizon, math.log1p(horizon / unit) / math.log(301)]
        row += [squeeze(y - previous), squeeze(y - curve[known[0] - 1]), squeeze(highest - y)]
        row += [math.log1p((t - since) / unit) / 2, 10 * (y - previous)]
        row += [0, 0] if rates is None else [rates[t - 1], 1]
        out.append(row)
        previous, since = y, t
    return np.array(out)


@pytest.mark.parametrize("epochs", [1, 7, 40, 41, 90, 400, 950])
@pytest.mark.parametrize("scheduled", [False, True])
def test_tokens_are_those_of_a_slow_loop(epochs, scheduled):
    values = curves(3, epochs)
    values[1, epochs // 2 + 1 :] = np.nan
    if epochs > 5:
        values[2, 3] = np.nan
    horizon = np.full(3, epochs + 2)
    rates = np.linspace(1, 0, epochs + 2) if scheduled else None
    tokens = _pfn.tokenize(values, horizon, None if rates is None else np.stack([rates] * 3))
    for i in range(3):
        expected = slow_tokens(values[i], epochs + 2, rates)
        assert tokens.counts[i] == len(expected) <= 40
        np.testing.assert_allclose(tokens.features[i, : len(expected)], expected, atol=1e-12)


def test_an_unknown_schedule_is_a_row_of_nan():
    values, horizon = curves(2, 9), np.full(2, 20)
    unknown = _pfn.tokenize(values, horizon, np.full((2, 20), np.nan))
    np.testing.assert_array_equal(unknown.features, _pfn.tokenize(values, horizon).features)


def test_tokens_look_only_back():
    """What the network knows after a token does not change with the tokens behind it."""
    network = _pfn.load()["share"][0]
    known = single(_pfn.tokenize(curves(4, 30), np.full(4, 60)).features)
    other = known.clone()
    other[:, 12:] = torch.randn(other[:, 12:].shape, generator=torch.Generator().manual_seed(0), dtype=known.dtype)
    last = torch.tensor([5, 11, 0, 8])
    with torch.no_grad():
        before, after, alone = network.read(known), network.read(other), network.read(other, last)
    torch.testing.assert_close(alone[:, 0], before[torch.arange(4), last], rtol=0, atol=1e-5)
    torch.testing.assert_close(before[:, :12], after[:, :12], rtol=0, atol=1e-5)
    assert (before[:, 12:] - after[:, 12:]).abs().amax() > 0.1


def test_a_prefix_is_forecast_the_same_beside_longer_curves():
    values, horizon = curves(5, 30), np.full(5, 60)
    values[1, 6:] = np.nan
    _, together = _pfn.increments(values, horizon)
    _, alone = _pfn.increments(values[1:2, :6], horizon[:1])
    np.testing.assert_allclose(together[1:2], alone, atol=1e-6)


def test_probabilities_sum_to_one_and_follow_the_epoch_asked_for():
    values, horizon = curves(300, 10), np.full(300, 100)
    borders, near = _pfn.increments(values, horizon, asked=np.full(300, 12))
    _, far = _pfn.increments(values, horizon)
    assert borders.shape == (101,)
    assert (np.diff(borders) > 2.9e-4).all()
    assert borders[[0, -1]].tolist() == [-1, 1]
    np.testing.assert_allclose(near.sum(axis=1), 1)
    middle = (borders[1:] + borders[:-1]) / 2
    assert (far @ middle > near @ middle).mean() > 0.95, "more is gained in 90 epochs than in 2"


def test_networks_are_averaged():
    networks = _pfn.load()["share"]
    assert len(networks) >= 2
    values, horizon = curves(3, 8), np.full(3, 20)
    alone = [_pfn.increments(values, horizon, networks=(network,))[1] for network in networks]
    np.testing.assert_allclose(_pfn.increments(values, horizon)[1], np.mean(alone, axis=0), atol=1e-12)


def test_shipped_weights_are_the_ones_that_were_measured():
    data = _pfn.WEIGHTS.read_bytes()
    assert hashlib.sha256(data).hexdigest() == DIGEST
    assert len(data) < 1_400_000


def test_weights_go_to_a_file_and_back(tmp_path):
    from safetensors.numpy import save_file

    network = _pfn.CurveTransformer()
    arrays = {f"loss.0.{name}": value.numpy() for name, value in network.state_dict().items()}
    save_file(arrays, tmp_path / "one.safetensors")
    (again,) = _pfn.load(tmp_path / "one.safetensors")["loss"]
    for name, value in again.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), arrays[f"loss.0.{name}"])

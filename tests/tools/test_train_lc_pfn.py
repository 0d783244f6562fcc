"""The training script: its prior has the properties it claims, two steps run, a few hundred learn."""

from __future__ import annotations

import sys

import numpy as np
import pytest


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("tools/train_lc_pfn.py")


@pytest.fixture(scope="module")
def drawn(script):
    return script.prior(1500, np.random.default_rng(0))


def test_curves_are_known_up_to_their_horizon(drawn):
    known = np.isfinite(drawn.values)
    np.testing.assert_array_equal(known.sum(axis=1), drawn.horizon)
    assert (known == (np.arange(1, 301) <= drawn.horizon[:, None])).all()
    assert drawn.horizon.min() >= 5
    assert drawn.horizon.max() <= 300
    assert np.nanmin(drawn.values) >= 0
    assert np.nanmax(drawn.values) <= 1


def test_schedules_are_shares_of_their_maximum_or_hidden(drawn):
    hidden = np.isnan(drawn.schedule).all(axis=1)
    assert 0.4 < hidden.mean() < 0.6
    shown = drawn.schedule[~hidden]
    assert shown.min() >= 0
    assert shown.max() <= 1 + 1e-12
    assert shown[:, :5].max(axis=1).min() > 0.04


@pytest.mark.parametrize(("share", "median"), [(0.1, 0.12), (0.25, 0.06), (0.5, 0.025)])
def test_increments_are_as_large_as_real_ones(drawn, share, median):
    rows = np.arange(len(drawn.horizon))
    seen = np.maximum(1, np.rint(share * drawn.horizon)).astype(int)
    gain = drawn.values[rows, drawn.horizon - 1] - drawn.values[rows, seen - 1]
    assert np.median(gain) == pytest.approx(median, rel=0.3)


def test_shapes_rise_from_zero_to_one(script):
    rng = np.random.default_rng(1)
    t = np.broadcast_to(np.geomspace(1e-6, 1e9, 300), (400, 300))
    values = script.shape(t, np.full(400, 50), rng)
    assert (np.diff(values, axis=1) >= -1e-12).all()
    assert np.abs(values[:, 0]).max() < 0.02
    assert values[:, -1].min() > 0.9


def test_noise_has_unit_scale(script):
    noise = script.noise(2000, np.random.default_rng(2))
    assert noise.std() == pytest.approx(1, abs=0.05)
    lagged = (noise[:, 1:] * noise[:, :-1]).mean(axis=1)
    assert (lagged > 0.25).mean() == pytest.approx(0.3, abs=0.08), "three in ten are autocorrelated"


def test_borders_are_increasing_and_reach_both_ends(script):
    for kind, furthest in script.FURTHEST.items():
        borders = script.bar_borders(np.random.default_rng(0), n=300, kind=kind).numpy()
        assert borders[[0, -1]].tolist() == [-furthest, furthest]
        assert (np.diff(borders) >= script.NARROWEST * 0.99).all()


def test_losses_fall_from_one_and_scores_are_of_any_range(script):
    rng = np.random.default_rng(3)
    losses, scores = (script.prior(1500, rng, kind) for kind in ("loss", "score"))
    assert np.nanmin(losses.values) > 0
    assert np.median(losses.values[:, 0]) == pytest.approx(0.9, abs=0.1)
    rows = np.arange(1500)
    ends = losses.values[rows, losses.horizon - 1]
    rising = ends - np.nanmin(losses.values, axis=1)
    assert 0.1 < (rising > 0.05).mean() < 0.4, "some overfit"
    assert np.nanmin(scores.values) < 0


@pytest.mark.parametrize("kind", ["loss", "score"])
def test_curves_are_scaled_as_they_are_at_query(script, kind):
    """What the network is trained on is what ``CurveScale`` makes of the epochs seen, from the epoch on that the script says."""
    from archcast.predictors.learning_curve.curves import CurveScale

    rng = np.random.default_rng(4)
    curves = script.prior(60, rng, kind)
    seen = np.maximum(2, curves.horizon // 2)
    untold = type("Never", (), {"uniform": lambda *_: np.ones(60), "standard_normal": lambda *_: np.zeros(60)})()
    values, first = script.scaled(curves, seen, untold)
    sign, signal = (-1, "train_loss") if kind == "loss" else (1, "reward")
    for row in range(60):
        for end in {min(first[row], seen[row]), seen[row]}:
            raw = sign * curves.values[row, :end] - (0 if kind == "loss" else 1000)  # far from any range that is known
            if first[row] > seen[row]:
                continue
            scale = CurveScale.of(raw[None], signal, pooled=False)
            np.testing.assert_allclose(scale.forward(raw[None])[0], values[row, :end], atol=1e-6)


def test_the_shipped_weights_are_of_this_prior(script):
    """Their bars lie where the script puts them."""
    from archcast.predictors.learning_curve import _pfn

    assert set(_pfn.load()) == set(script.FURTHEST)
    for kind, networks in _pfn.load().items():
        borders = script.bar_borders(np.random.default_rng(0), kind=kind).numpy()
        for network in networks:
            np.testing.assert_allclose(network.borders.numpy(), borders, atol=1e-5)


def test_loss_is_the_log_density_of_the_bar_that_holds_the_truth(script):
    import torch

    rng = np.random.default_rng(0)
    network = script.CurveTransformer(script.bar_borders(rng, n=100))
    tokens, queries, truth, counts = script.batch(6, rng)
    value = script.loss(network, tokens, queries, truth, counts).item()
    with torch.no_grad():
        shares = network(tokens, queries).softmax(dim=-1).numpy()
    edges, logs = network.borders.numpy(), []
    for i, k in zip(*np.nonzero(counts.numpy())):
        bar = next(b for b in range(100) if truth[i, k] <= edges[b + 1] or b == 99)
        logs.append(np.log(shares[i, k, bar] / (edges[bar + 1] - edges[bar])))
    assert value == pytest.approx(-np.mean(logs), rel=1e-4)


def test_two_steps_write_a_file_that_can_be_loaded(script, tmp_path, monkeypatch, capsys):
    import torch

    from archcast.predictors.learning_curve import _pfn

    path, before = tmp_path / "weights.safetensors", torch.get_rng_state()
    arguments = ["train", "--out", str(path), "--steps", "2", "--curves", "4", "--members", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(script, "BORDER_CURVES", 100)
    script.main()
    assert torch.equal(before, torch.get_rng_state())
    networks = _pfn.load(path)
    for kind in script.FURTHEST:
        assert len(networks[kind]) == 2
        _, probabilities = _pfn.increments(np.full((1, 3), 0.5), np.full(1, 10), networks=networks[kind])
        assert np.isfinite(probabilities).all()
    first = path.read_bytes()
    script.main()
    assert path.read_bytes() == first, "same seed, same weights"
    capsys.readouterr()


def test_it_learns(script):
    """After sixty steps the loss on fresh curves is below that of the untrained network."""
    import torch

    borders = script.bar_borders(np.random.default_rng(0), n=300)
    data = script.batch(200, np.random.default_rng(1))

    def after(steps: int) -> float:
        weights = script.train(steps, np.random.default_rng(2), curves=16, borders=borders)
        network = script.CurveTransformer(borders)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        with torch.no_grad():
            return script.loss(network, *data).item()

    assert after(60) < after(1) - 0.1

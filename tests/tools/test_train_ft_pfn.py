"""The training script of ft-pfn: its prior has the properties it claims, a run that is broken off goes on, it learns."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("tools/train_ft_pfn.py")


def test_curves_lie_between_0_and_1_and_gain_as_much_as_real_ones(script):
    rng = np.random.default_rng(0)
    gains = {0.1: [], 0.25: [], 0.5: []}
    for total in (6, 15, 40, 100):
        for _ in range(5):
            curves = script.prior(16, 20, total, rng).curves
            assert curves.shape == (16, 20, total)
            assert curves.min() >= 0
            assert curves.max() <= 1
            for share, found in gains.items():
                found.append(np.median(curves[:, :, -1] - curves[:, :, max(1, round(share * total)) - 1]))
    for (_, found), expected in zip(gains.items(), (0.12, 0.06, 0.025)):
        assert np.mean(found) == pytest.approx(expected, rel=0.5)


def test_architectures_are_numbers_choices_or_nothing(script):
    archs = script.architectures(400, 6, np.random.default_rng(0))
    silent = (archs == 0).all(axis=(1, 2))
    choices = ~silent & np.isin(archs, (0, 1)).all(axis=(1, 2))
    assert silent.mean() == pytest.approx(0.2, abs=0.07)
    assert choices.mean() == pytest.approx(0.4, abs=0.08)
    for task in archs[choices]:
        assert len(set(task.sum(axis=1))) == 1, "each variable has one value"


def test_properties_are_standard_normal_and_told_by_architectures(script):
    rng = np.random.default_rng(0)
    archs = np.repeat(rng.standard_normal((300, 10, script.COLUMNS)), 2, axis=1)
    archs[:60] = 0
    z = script.properties(archs, rng)
    assert z.mean() == pytest.approx(0, abs=0.1)
    assert z.std() == pytest.approx(1, abs=0.1)
    twins = np.abs(z[:, ::2] - z[:, 1::2]).mean(axis=(1, 2))
    others = np.abs(z[:, ::2] - np.roll(z[:, 1::2], 1, axis=1)).mean(axis=(1, 2))
    assert (twins[60:] < others[60:]).mean() > 0.95, "equal architectures have more alike properties"
    assert np.median(twins[:60] / others[:60]) == pytest.approx(1, abs=0.1)


def test_shapes_rise_from_zero_to_one(script):
    rng = np.random.default_rng(1)
    t = np.geomspace(1e-6, 1e9, 300)[None, None]
    values = script.shape(t, np.zeros((40, 3)), rng.normal(size=(40, 3)), rng)
    assert (np.diff(values, axis=2) >= -1e-12).all()
    assert np.abs(values[..., 0]).max() < 0.02
    assert values[..., -1].min() > 0.9


def test_noise_has_unit_scale(script):
    noise = script.noise((300, 5, 60), np.random.default_rng(2))
    assert noise.std() == pytest.approx(1, abs=0.05)
    lagged = (noise[:, :, 1:] * noise[:, :, :-1]).mean(axis=(1, 2))
    assert (lagged > 0.25).mean() == pytest.approx(0.3, abs=0.1), "three in ten are autocorrelated"


def test_distances_and_components_are_those_of_scipy(script, rng):
    from scipy.spatial.distance import cdist, pdist

    archs = rng.normal(size=(2, 9, script.COLUMNS)) * np.r_[[3.0] * 4, [0.0] * 20]
    components, near = script.seen_archs(archs, 5)
    for task, found, square in zip(archs, components, near):
        unit = np.median(cdist(task, task, "sqeuclidean"))
        np.testing.assert_allclose(square, cdist(task, task[:5], "sqeuclidean") / unit, atol=1e-9)
        # four columns vary, so ten components hold all of the distances
        np.testing.assert_allclose(pdist(found, "sqeuclidean"), pdist(task, "sqeuclidean") / unit)


def test_loss_is_the_log_density_of_the_bar_that_holds_the_truth(script):
    rng = np.random.default_rng(4)
    network = script.ContextTransformer(script.bar_borders(rng, batches=10))
    tasks, truth = script.batch(2, rng)
    value = script.loss(network, tasks, truth).item()
    with torch.no_grad():
        inputs = (torch.tensor(x, dtype=torch.float32) for x in (tasks.tokens, tasks.gains, tasks.near))
        shares = network(*inputs).softmax(dim=-1).numpy()
    edges, logs = network.borders.numpy(), []
    for i, k in np.ndindex(truth.shape):
        goal = np.clip(truth[i, k], edges[0], edges[-1])
        bar = next(b for b in range(len(edges) - 1) if goal <= edges[b + 1])
        logs.append(np.log(shares[i, k, bar] / (edges[bar + 1] - edges[bar])))
    assert value == pytest.approx(-np.mean(logs), rel=1e-4)


def test_borders_are_increasing_and_those_that_are_shipped(script):
    from archcast.predictors.learning_curve import _curves_in_context

    few = script.bar_borders(np.random.default_rng(0), batches=20).numpy()
    assert (np.diff(few) > 0.009).all()
    shipped = _curves_in_context.load().borders.numpy()
    assert np.abs(shipped - few)[8:-8].max() < 0.25


def test_a_run_that_is_broken_off_goes_on_as_if_it_had_not_been(script, tmp_path, capsys):
    borders = script.bar_borders(np.random.default_rng(0), batches=5)
    whole = script.train(4, 0, tasks=2, borders=borders)
    state = tmp_path / "run.state"
    script.batch, kept = (stopping := Stopping(script.batch, 3)), script.batch
    with pytest.raises(KeyboardInterrupt):
        script.train(4, 0, tasks=2, borders=borders, state=state, report=1)
    script.batch = kept
    assert stopping.calls == 3
    resumed = script.train(4, 0, tasks=2, borders=borders, state=state, report=1)
    for name, value in whole.items():
        np.testing.assert_array_equal(resumed[name], value)
    capsys.readouterr()


class Stopping:
    """A function that is interrupted at one of its calls."""

    def __init__(self, function, last):
        self.function, self.last, self.calls = function, last, 0

    def __call__(self, *arguments):
        self.calls += 1
        if self.calls == self.last:
            raise KeyboardInterrupt
        return self.function(*arguments)


def test_two_steps_write_a_file_that_can_be_loaded(script, tmp_path, monkeypatch, capsys):
    from archcast.predictors.learning_curve import _curves_in_context

    path, before = tmp_path / "weights.safetensors", torch.get_rng_state()
    monkeypatch.setattr(sys, "argv", ["train", "--out", str(path), "--steps", "2", "--tasks", "2"])
    monkeypatch.setattr(script, "BORDER_BATCHES", 10)
    script.main()
    assert torch.equal(before, torch.get_rng_state())
    network = _curves_in_context.load(path)
    assert not network.training
    capsys.readouterr()


def test_it_learns(script):
    borders = script.bar_borders(np.random.default_rng(0), batches=20)
    fresh = [script.batch(4, np.random.default_rng([9, k])) for k in range(12)]

    def after(steps: int) -> float:
        network = script.ContextTransformer(borders)
        weights = script.train(steps, 0, tasks=4, borders=borders)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        with torch.no_grad():
            return float(np.mean([script.loss(network, *data).item() for data in fresh]))

    assert after(60) < after(1) - 0.03

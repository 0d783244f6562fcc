from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.predictors.gaussian_process import _gpytorch
from archcast.predictors.gaussian_process._additive import AdditiveGP, AdditiveKernel, LogNormal, Priors, Terms, tune

gpytorch = _gpytorch.gpytorch
settings = gpytorch.settings


def problem(n, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    targets = np.sin(a[:, 0]) + 0.3 * b[:, 1] + 0.1 * rng.normal(size=n)
    priors = Priors(
        (LogNormal(0.4, 1.0), LogNormal(0.2, 1.0)), (LogNormal(2, 0.3), LogNormal(2, 0.3)), (LogNormal(0.1, 1.0),)
    )
    return Terms((a, b), (b,)), targets, priors


def side_by_side(terms):
    return torch.from_numpy(np.concatenate([*terms.matern, *terms.linear], axis=1))


def test_the_kernel_is_the_one_written_in_numpy():
    terms, _, priors = problem(6)
    other, _, _ = problem(4, 1)
    start = AdditiveKernel(np.array([0.7, 0.2]), np.array([1.3, 2.1]), np.array([0.4]))
    kernel = _gpytorch.additive_kernel(terms, priors, start)
    theirs = kernel(side_by_side(terms), side_by_side(other)).to_dense().detach().numpy()
    np.testing.assert_allclose(theirs, start(terms, other), atol=1e-6)
    back = _gpytorch._numpy_kernel(kernel, terms)
    np.testing.assert_allclose(back(terms, other), start(terms, other), atol=1e-6)


def test_collapsed_posterior_is_gpytorchs_own():
    terms, targets, priors = problem(30)
    new, _, _ = problem(8, 1)
    start, noise = tune(terms, targets, priors)
    kernel, likelihood = _gpytorch.additive_kernel(terms, priors, start), _gpytorch._likelihood(priors, noise)
    x, t = side_by_side(terms), torch.from_numpy(targets)
    model = _gpytorch.CollapsedGP(x, t, x[:12], kernel, likelihood)
    ours = _gpytorch.collapsed_posterior(model, terms, targets)
    model.eval()
    with (
        torch.no_grad(),
        settings.fast_computations(False, False, False),
        settings.sgpr_diagonal_correction(False),  # Titsias' posterior, as in training
    ):
        theirs = model(side_by_side(new))
    mean, variance = ours.predict(new)
    np.testing.assert_allclose(mean, theirs.mean.numpy(), atol=1e-3)
    explained = start.diagonal(new) - variance
    points = ours.terms
    nystrom = start(new, points) @ np.linalg.solve(start(points, points), start(points, new))
    np.testing.assert_allclose(np.diag(nystrom) - explained, theirs.variance.numpy(), atol=1e-3)


def test_collapsed_posterior_is_the_dense_formula():
    """With Q = K_xm K_mm^-1 K_mx in place of K, and the prior's own variance on the diagonal (Titsias 2009)."""
    terms, targets, priors = problem(30)
    new, _, _ = problem(8, 1)
    k, noise = tune(terms, targets, priors)
    x = side_by_side(terms)
    kernel, likelihood = _gpytorch.additive_kernel(terms, priors, k), _gpytorch._likelihood(priors, noise)
    model = _gpytorch.CollapsedGP(x, torch.from_numpy(targets), x[:12], kernel, likelihood)
    ours = _gpytorch.collapsed_posterior(model, terms, targets)

    def q(a, b):
        return k(a, terms[:12]) @ np.linalg.solve(k(terms[:12], terms[:12]), k(terms[:12], b))

    inner = np.linalg.inv(q(terms, terms) + ours.noise * np.eye(30))
    mean, variance = ours.predict(new)
    np.testing.assert_allclose(mean, q(new, terms) @ inner @ targets, atol=1e-4)
    expected = k.diagonal(new) - np.diag(q(new, terms) @ inner @ q(terms, new))
    np.testing.assert_allclose(variance, expected, atol=1e-4)


def test_leave_one_out_is_the_posterior_of_the_other_rows():
    terms, targets, priors = problem(20)
    k, noise = tune(terms, targets, priors)
    kernel, likelihood = _gpytorch.additive_kernel(terms, priors, k), _gpytorch._likelihood(priors, noise)

    def posterior(rows):
        x, t = side_by_side(terms[rows]), targets[rows]
        model = _gpytorch.CollapsedGP(x, torch.from_numpy(t), side_by_side(terms[:8]), kernel, likelihood)
        return _gpytorch.collapsed_posterior(model, terms[rows], t)

    whole = posterior(np.arange(20))
    found = whole.leave_one_out(terms, targets)
    for i in range(8, 20):
        mean, variance = posterior(np.delete(np.arange(20), i)).predict(terms[i : i + 1])
        np.testing.assert_allclose(
            [found[0][i], found[1][i]], [mean[0], variance[0] + whole.noise], rtol=5e-3, atol=1e-4
        )


def test_collapsed_posterior_with_every_row_inducing_is_exact():
    terms, targets, priors = problem(15)
    new, _, _ = problem(8, 1)
    exact = AdditiveGP.fit(terms, targets, priors)
    kernel = _gpytorch.additive_kernel(terms, priors, exact.kernel)
    likelihood = _gpytorch._likelihood(priors, exact.noise)
    x = side_by_side(terms)
    model = _gpytorch.CollapsedGP(x, torch.from_numpy(targets), x, kernel, likelihood)
    sparse = _gpytorch.collapsed_posterior(model, terms, targets)
    for ours, theirs in zip(sparse.predict(new), exact.predict(new), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=2e-3)


def test_variational_posterior_is_gpytorchs_own():
    terms, targets, priors = problem(30)
    new, _, _ = problem(8, 1)
    start, noise = tune(terms, targets, priors)
    model = _gpytorch.VariationalGP(side_by_side(terms)[:10], _gpytorch.additive_kernel(terms, priors, start))
    likelihood = _gpytorch._likelihood(priors, noise)
    posterior = model.variational_strategy._variational_distribution
    rng = np.random.default_rng(0)
    with torch.no_grad():
        posterior.variational_mean.copy_(torch.from_numpy(rng.normal(size=10)))
        posterior.chol_variational_covar.copy_(torch.from_numpy(np.tril(rng.normal(size=(10, 10))) * 0.3))
    model.variational_strategy.variational_params_initialized.fill_(1)
    ours = _gpytorch.variational_posterior(model, likelihood, terms)
    model.eval()
    with torch.no_grad(), settings.fast_computations(False, False, False):
        theirs = model(side_by_side(new))
    mean, variance = ours.predict(new)
    np.testing.assert_allclose(mean, theirs.mean.numpy(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(variance, theirs.variance.numpy(), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("fit", [_gpytorch.fit_collapsed, _gpytorch.fit_variational])
def test_training_raises_the_posterior_of_held_out_targets_and_keeps_generators(fit):
    terms, targets, priors = problem(60)
    new, held_out, _ = problem(100, 1)
    before = torch.get_rng_state()
    gp = fit(terms, targets, priors, np.random.default_rng(0), inducing=15, iterations=40, learning_rate=0.05)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(gp.alpha) == 15
    mean, variance = gp.predict(new)
    assert np.corrcoef(mean, held_out)[0, 1] > 0.8
    inside = np.abs(mean - held_out) < 2 * np.sqrt(variance + gp.noise)
    assert 0.8 < inside.mean() <= 1


def test_batches_are_used_where_there_are_many_rows(monkeypatch):
    monkeypatch.setattr(_gpytorch, "BATCH", 16)
    terms, targets, priors = problem(80)
    new, held_out, _ = problem(100, 1)
    rng = np.random.default_rng(0)
    gp = _gpytorch.fit_variational(terms, targets, priors, rng, inducing=15, iterations=60, learning_rate=0.05)
    assert np.corrcoef(gp.predict(new)[0], held_out)[0, 1] > 0.7


def test_duplicate_rows_give_fewer_inducing_points():
    terms, targets, priors = problem(5)
    rows = np.repeat(np.arange(5), 4)
    gp = _gpytorch.fit_collapsed(
        terms[rows], targets[rows], priors, np.random.default_rng(0), inducing=50, iterations=2, learning_rate=0.05
    )
    assert len(gp.alpha) == 5

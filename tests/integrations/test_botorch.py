"""The model against numpy: shapes, moments, and acquisition functions of BoTorch against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.predictors.base import NotInitializedError
from archcast.search.acquisition import expected_improvement, upper_confidence_bound

pytest.importorskip("botorch", reason="needs the extra 'botorch'")

import torch
from botorch.acquisition import (
    LogExpectedImprovement,
    UpperConfidenceBound,
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
)
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.optim import optimize_acqf_discrete
from botorch.sampling import IIDNormalSampler, SobolQMCNormalSampler

from archcast.integrations.botorch import PredictorModel

SPACE = archcast.get_space("nasbench201")


@pytest.fixture(scope="module")
def predictor():
    archs = SPACE.sample(40, 0)
    scores = (archs == 3).sum(axis=1) + 0.3 * (archs == 2).sum(axis=1)
    return archcast.get_predictor("bayesian-linear", SPACE, random_state=0).init(archs, scores)


@pytest.fixture(scope="module")
def model(predictor):
    return PredictorModel(predictor)


def points(*shape, seed=1):
    return torch.as_tensor(SPACE.sample(int(np.prod(shape)), seed), dtype=torch.float64).reshape(*shape, 6)


@pytest.mark.parametrize("shape", [(1,), (4,), (3, 1), (3, 4), (2, 3, 4)])
def test_shapes_and_moments(model, predictor, shape) -> None:
    x = points(*shape)
    posterior = model.posterior(x)
    asked = predictor.query(x.reshape(-1, 6).numpy())
    assert posterior.mean.shape == posterior.variance.shape == (*shape, 1)
    np.testing.assert_allclose(posterior.mean.numpy().ravel(), asked.mean, rtol=1e-12)
    np.testing.assert_allclose(posterior.variance.numpy().ravel(), asked.std**2, rtol=1e-6)
    assert posterior.rsample(torch.Size([5])).shape == (5, *shape, 1)
    assert model.num_outputs == 1
    assert model.batch_shape == torch.Size([])


def test_samples_have_the_covariance_of_the_kernel(predictor) -> None:
    """By a loop over pairs: the correlation is exp(-differing decisions of the canonical rows / length)."""
    model = PredictorModel(predictor, length=2.0)
    x = points(5)
    canonical, std = SPACE.canonical(x.numpy()), predictor.query(x.numpy()).std
    want = np.array(
        [
            [std[i] * std[j] * np.exp(-sum(a != b for a, b in zip(canonical[i], canonical[j])) / 2) for j in range(5)]
            for i in range(5)
        ]
    )
    posterior = model.posterior(x)
    np.testing.assert_allclose(posterior.distribution.covariance_matrix.numpy(), want, rtol=1e-6)
    samples = IIDNormalSampler(torch.Size([20_000]), seed=0)(posterior)[..., 0].numpy()
    np.testing.assert_allclose(np.cov(samples.T), want, atol=0.04 * want.max())


@pytest.mark.parametrize("name", ["gp", "gp-wl", "gp-wl+", "sparse-gp"])
def test_a_gaussian_process_gives_its_own_joint_posterior(name) -> None:
    """Against the textbook formula on the whole matrix, and the marginals of ``query``."""
    archs = SPACE.sample(25, 0)
    scores = (archs == 3).sum(axis=1) + 0.1 * archs[:, 0]
    gp = archcast.get_predictor(name, SPACE, random_state=0).init(archs, scores)
    x = points(3, 4)
    rows = x.reshape(-1, 6).numpy().astype(int)
    mean, covariance = gp.joint(rows)
    asked = gp.query(rows)
    np.testing.assert_allclose(mean, asked.mean, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(gp.joint(rows, noise=True)[1])), asked.std, rtol=1e-6)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9 * covariance.max()
    assert np.diag(covariance).mean() < (asked.std**2).mean(), "the function is known better than a score of it"
    if name != "sparse-gp":
        terms, at = gp._terms(archs, archcast.Evidence()), gp._terms(rows, archcast.Evidence())
        prior = gp.gp_.kernel(terms, terms) + (gp.gp_.noise + 1e-4) * np.eye(25)
        cross = gp.gp_.kernel(at, terms)
        latent = gp.gp_.kernel(at, at) - cross @ np.linalg.inv(prior) @ cross.T
        std = np.sqrt(np.diag(latent))
        correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        np.testing.assert_allclose(correlation, latent / np.outer(std, std), atol=1e-6)
    model = PredictorModel(gp)
    posterior = model.posterior(x)
    for b in range(3):
        block = covariance[4 * b : 4 * b + 4, 4 * b : 4 * b + 4]
        np.testing.assert_allclose(
            posterior.distribution.covariance_matrix[b].numpy(), block, rtol=1e-5, atol=1e-7 * block.max()
        )
    noisy = model.posterior(x, observation_noise=True).variance.numpy().ravel()
    np.testing.assert_allclose(noisy, asked.std**2, rtol=1e-5)
    alone = model.posterior(points(600, 1)).variance.numpy().ravel()
    np.testing.assert_allclose(alone[:5], np.diag(gp.joint(points(600, 1)[:5, 0].numpy())[1]), rtol=1e-5)
    with pytest.raises(InvalidInputError, match="observation_noise must be True or False"):
        model.posterior(x, observation_noise=torch.ones(1))


def test_a_gaussian_process_that_was_not_initialised_has_no_joint_posterior() -> None:
    with pytest.raises(NotInitializedError, match="is not initialised"):
        archcast.get_predictor("gp", SPACE).joint([[3] * 6])


def test_a_row_that_is_there_twice_is_one_score(model) -> None:
    row = points(1)
    twin = next(
        r for r in SPACE.enumerate() if (SPACE.canonical(r) == SPACE.canonical([0, 3, 3, 3, 3, 3])).all() and r[1] != 3
    )
    x = torch.cat([row, row, torch.tensor([[0, 3, 3, 3, 3, 3]]), torch.as_tensor(twin[None])]).to(row)
    samples = SobolQMCNormalSampler(torch.Size([64]), seed=0)(model.posterior(x))[..., 0]
    spread = samples.std(dim=0)
    assert ((samples[:, 0] - samples[:, 1]).abs() < 1e-3 * spread[0]).all()
    assert ((samples[:, 2] - samples[:, 3]).abs() < 1e-3 * spread[2]).all()
    assert (samples[:, 0] - samples[:, 2]).std() > 0.5 * spread[0]


def test_analytic_acquisitions_are_their_formulas(model, predictor) -> None:
    x, best = points(50, 1), 3.0
    asked = predictor.query(x[:, 0].numpy())
    improvement = LogExpectedImprovement(model, best_f=best)(x).exp().numpy()
    np.testing.assert_allclose(improvement, expected_improvement(asked.mean, asked.std, best), rtol=1e-5)
    bound = UpperConfidenceBound(model, beta=4.0)(x).numpy()
    np.testing.assert_allclose(bound, upper_confidence_bound(asked.mean, asked.std, 2.0), rtol=1e-6)


def test_the_improvement_of_a_batch_is_that_of_its_best(model, predictor) -> None:
    x, best = points(3, 2), 2.5
    sampler = SobolQMCNormalSampler(torch.Size([4096]), seed=0)
    found = qLogExpectedImprovement(model, best_f=best, sampler=sampler)(x).exp().numpy()
    rng = np.random.default_rng(0)
    for pair, value in zip(x, found):
        posterior = model.posterior(pair)
        draws = rng.multivariate_normal(
            posterior.mean[:, 0].numpy(), posterior.distribution.covariance_matrix.numpy(), 100_000
        )
        assert value == pytest.approx(np.maximum(draws.max(axis=1) - best, 0).mean(), rel=0.05, abs=1e-3)


def test_the_best_of_a_list_is_found(model, predictor) -> None:
    choices = torch.as_tensor(SPACE.enumerate()[::25], dtype=torch.float64)
    asked = predictor.query(choices.numpy())
    x, value = optimize_acqf_discrete(LogExpectedImprovement(model, best_f=4.0), q=1, choices=choices)
    values = expected_improvement(asked.mean, asked.std, 4.0)
    assert values.max() == pytest.approx(float(value.exp()), rel=1e-5)
    assert (x[0].numpy() == choices[values.argmax()].numpy()).all()


@pytest.mark.parametrize("noisy", [False, True])
def test_a_batch_holds_no_function_twice(model, noisy) -> None:
    """Pending points are in the joint posterior: a twin of one of them improves nothing."""
    top = SPACE.neighbors([3, 3, 3, 3, 3, 3])
    twins = np.array(
        [row for row in SPACE.enumerate() if (SPACE.canonical(row) == SPACE.canonical([0, 3, 3, 3, 3, 3])).all()]
    )
    assert len(twins) > 3
    choices = torch.as_tensor(np.concatenate([twins, top]), dtype=torch.float64)
    sampler = SobolQMCNormalSampler(torch.Size([128]), seed=0)
    if noisy:
        seen = torch.as_tensor(SPACE.sample(8, 3), dtype=torch.float64)
        acquisition = qLogNoisyExpectedImprovement(model, seen, sampler=sampler, cache_root=False, prune_baseline=False)
    else:
        acquisition = qLogExpectedImprovement(model, best_f=4.0, sampler=sampler)
    x, _ = optimize_acqf_discrete(acquisition, q=4, choices=choices)
    assert x.shape == (4, 6)
    assert len(np.unique(SPACE.canonical(x.numpy()), axis=0)) == 4


def test_transforms_and_precision(model) -> None:
    x = points(3, 2)
    plain = model.posterior(x)
    negated = model.posterior(x, posterior_transform=ScalarizedPosteriorTransform(torch.tensor([-1.0]).double()))
    torch.testing.assert_close(negated.mean, -plain.mean)
    torch.testing.assert_close(model.posterior(x, output_indices=[0], observation_noise=True).mean, plain.mean)
    single = model.posterior(x.float())
    assert single.mean.dtype == torch.float32
    assert single.rsample(torch.Size([2])).dtype == torch.float32


def test_what_cannot_be_a_model(predictor) -> None:
    def make(name, **params):
        return archcast.get_predictor(name, SPACE, **params)

    with pytest.raises(InvalidInputError, match=r"predictor 'xgboost' has no std.*Use one of: .*gp"):
        PredictorModel(make("xgboost"))
    with pytest.raises(InvalidInputError, match="predictor 'lc-pfn' needs the curve"):
        PredictorModel(make("lc-pfn"))
    with pytest.raises(NotInitializedError, match=r"is not initialised: call init\(archs, scores\) first"):
        PredictorModel(make("gp"))
    with pytest.raises(InvalidInputError, match=r"must be an archcast\.Predictor, got str"):
        PredictorModel("gp")
    with pytest.raises(InvalidInputError, match="length must be more than 0, got 0"):
        PredictorModel(predictor, length=0)


def test_points_that_are_no_architectures(model) -> None:
    x = points(2)
    with pytest.raises(InvalidInputError, match=r"rows of integers.*optimize_acqf_discrete"):
        model.posterior(x + 0.5)
    with pytest.raises(InvalidInputError, match=r"outside 0\.\.4"):
        model.posterior(x + 5)
    with pytest.raises(InvalidInputError, match=r"X must have shape \(batch, q, d\) or \(q, d\), got \(6,\)"):
        model.posterior(x[0])
    with pytest.raises(InvalidInputError, match=r"output_indices must be \[0\]"):
        model.posterior(x, output_indices=[1])


@pytest.mark.filterwarnings("ignore:qNoisyExpectedHypervolumeImprovement has known numerical issues")
def test_noisy_hypervolume_improvement_of_two_predictors() -> None:
    """qNEHVI of a list of two models is the mean gain of hypervolume over draws from their posteriors."""
    from botorch.acquisition.multi_objective.monte_carlo import qNoisyExpectedHypervolumeImprovement
    from botorch.models import ModelList

    from archcast.search import hypervolume

    space = archcast.get_space("nasbench201")
    archs = space.sample(8, 0)
    scores = np.stack([(archs == 3).sum(axis=1), -(archs == 3).sum(axis=1) - (archs == 2).sum(axis=1)], axis=1)
    made = [archcast.get_predictor("bayesian-linear", space, random_state=0).init(archs, column) for column in scores.T]
    models = ModelList(*(PredictorModel(predictor) for predictor in made))
    reference = scores.min(axis=0) - 0.5
    rows = torch.as_tensor(archs, dtype=torch.float64)
    acquisition = qNoisyExpectedHypervolumeImprovement(
        models,
        ref_point=reference,
        X_baseline=rows,
        cache_root=False,
    )
    candidates = torch.as_tensor(space.sample(3, 5), dtype=torch.float64)
    torch.manual_seed(0)
    for candidate in candidates:
        draws = models.posterior(torch.cat([rows, candidate[None]])).rsample(torch.Size([400])).numpy()
        gains = [hypervolume(draw, reference) - hypervolume(draw[:-1], reference) for draw in draws]
        error = np.std(gains) / len(gains) ** 0.5
        assert float(acquisition(candidate[None, None])) == pytest.approx(np.mean(gains), abs=8 * error)

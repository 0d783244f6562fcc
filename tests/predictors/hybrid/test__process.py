"""The Gaussian processes of `stack`, against the same numbers by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.gaussian_process._additive import AdditiveGP, InducingGP
from archcast.predictors.hybrid import _process
from archcast.predictors.hybrid._inputs import Inputs
from archcast.predictors.hybrid._process import Process
from archcast.predictors.hybrid._structure import Structure, measured
from archcast.predictors.hybrid.stack import Stack
from archcast.predictors.targets import rank_normal

from .conftest import SPACE, accuracy, proxies


def inputs_of(archs, known=None):
    """Inputs whose known labels are those of ``known``, or their own."""
    structure = Structure.of(SPACE, None)
    view = structure.view(archs)
    labels = structure.view(archs if known is None else known).labels.any(axis=0)
    return Inputs(view, view.cosines(labels), view.size)


def test_labels_that_no_training_row_has_add_variance_and_nothing_else(rng):
    archs = SPACE.sample(30, 1)
    inputs, all_labels = inputs_of(archs), inputs_of(SPACE.sample(200, 2), archs)
    process, _, _ = Process.fit(
        inputs, rank_normal(accuracy(archs)), Structure.of(SPACE, None).features.distances, evidence=False
    )
    slope = process.gp.kernel.slopes[1]
    seen = inputs.view.labels.any(axis=0)
    assert 0 < seen.sum() < len(seen)
    trained, new = process.gp.terms.linear[1], all_labels.view.labels / all_labels.view.length
    own = inputs.view.labels / inputs.view.length
    np.testing.assert_allclose(np.square(new).sum(axis=1), 1)
    np.testing.assert_allclose(trained @ trained.T, own @ own.T, atol=1e-12)
    np.testing.assert_allclose(np.square(trained).sum(axis=1), 1)
    assert slope > 0
    assert np.isfinite(process.predict(all_labels)[1]).all()
    assert (np.square(new[:, seen]).sum(axis=1) < 0.999).any()


@pytest.mark.parametrize("evidence", [False, True])
def test_few_rows_are_told_by_the_prior_of_all_slopes(evidence):
    """With fewer than 25 rows the answer is Bayesian linear regression on the hints, and a process on the structure, by hand."""
    archs, queries = SPACE.sample(9, 1), SPACE.sample(7, 2)
    stack = get_predictor("stack", SPACE, random_state=0).init(archs, accuracy(archs), proxies(archs))
    process = stack.processes_[0 if evidence else 1]
    a, b = (
        stack._inputs(stack.structure_.view(x), measured(proxies(x), stack.evidence_.keys)) for x in (archs, queries)
    )
    terms, more = (_process.terms_of(x, evidence) for x in (a, b))
    priors = _process.priors_of(a, tuple(process.gp.kernel.lengthscales))
    np.testing.assert_allclose(process.gp.kernel.slopes, [p.median for p in priors.slopes])
    h, g, n = a.hints(evidence), b.hints(evidence), len(archs)
    rest = [p.median for p in priors.slopes[:2]] + [0.0, 0.5]
    kernel = replace(process.gp.kernel, slopes=np.array(rest))
    gram = kernel(terms, terms) + h.columns @ np.diag(h.variances) @ h.columns.T
    cross = kernel(more, terms) + g.columns @ np.diag(h.variances) @ h.columns.T
    errors = rank_normal(accuracy(archs)) - h.columns @ h.means
    expected = g.columns @ h.means + cross @ np.linalg.solve(gram + (0.03 + 0.8 / n + 1e-4) * np.eye(n), errors)
    np.testing.assert_allclose(process.predict(b)[0], expected, atol=1e-8)


def test_of_many_rows_the_process_is_sparse(monkeypatch, tmp_path):
    archs, asked = SPACE.sample(80, 0), SPACE.sample(100, 1)
    scores = (archs == 3).sum(axis=1) - 0.5 * (archs == 4).sum(axis=1)
    exact = get_predictor("stack", SPACE, random_state=0).init(archs, scores)
    monkeypatch.setattr(_process, "EXACT", 79)
    stack = get_predictor("stack", SPACE, random_state=0).init(archs, scores)
    assert isinstance(exact.processes_[0].gp, AdditiveGP)
    assert isinstance(stack.processes_[0].gp, InducingGP)
    answer, other = stack.query(asked), exact.query(asked)
    assert np.corrcoef(answer.mean, other.mean)[0, 1] > 0.99
    np.testing.assert_allclose(answer.std.mean(), other.std.mean(), rtol=0.2)
    stack.save(tmp_path / "stack.npz")
    np.testing.assert_array_equal(Predictor.load(tmp_path / "stack.npz").query(asked).mean, answer.mean)


def test_decisions_by_themselves_have_a_process_of_their_own(rng):
    space = archcast.Choices({f"p{k}": list(range(6)) for k in range(8)})
    archs = space.sample(140, 0)
    curves = rng.normal(size=(8, 6))
    scores = curves[np.arange(8), archs].sum(axis=1)  # a sum over decisions, each as crooked as can be
    stack = get_predictor("stack", space, random_state=0).init(archs[:100], scores[:100])
    found = stack.query(archs[100:])
    single, separate, plain = stack.processes_
    assert [process.separate for process in (single, separate, plain)] == [False, True, False]
    inputs = stack._inputs(stack.structure_.view(archs[100:]), {})
    alone = kendalltau(separate.predict(inputs)[0], scores[100:]).statistic
    assert alone > kendalltau(plain.predict(inputs)[0], scores[100:]).statistic + 0.05
    assert kendalltau(found.mean, scores[100:]).statistic > 0.8


def test_prior_variances_of_both_processes_are_the_same():
    space = archcast.Choices(kernel1=[3, 5, 7], kernel2=[3, 5, 7], act=["a", "b", "c"])
    structure = Structure.of(space, None)
    view = structure.view(space.enumerate())
    inputs = Inputs(view, view.cosines(np.zeros(0, dtype=bool)), view.size)
    total = []
    for separate in (False, True):
        priors = _process.priors_of(inputs, structure.features.distances, separate)
        terms = _process.terms_of(inputs, False, separate)
        lengths = [np.square(x).sum(axis=1).mean() for x in terms.linear]
        linear = sum(p.median * length for p, length in zip(priors.slopes, lengths, strict=True))
        assert len(priors.scales) == len(terms.matern)
        total.append(sum(p.median for p in priors.scales) + linear)
    assert total[0] == pytest.approx(total[1], rel=0.1)


def test_decisions_by_themselves_are_looked_at_where_there_is_no_graph(tmp_path) -> None:
    space = archcast.Choices(kernel1=[3, 5, 7], kernel2=[3, 5, 7], kernel3=[3, 5, 7], act=["a", "b", "c", "d"])
    archs = space.sample(60, 0)
    scores = np.array([0.0, 3.0, 1.0])[archs[:, 1]] + np.array([2.0, 0.0, 1.0, 0.5])[archs[:, 3]]
    few, many = (archcast.get_predictor("stack", space, random_state=0).init(archs[:n], scores[:n]) for n in (40, 50))
    assert [process.alone for process in few.processes_] == [False, False]
    assert [process.alone for process in many.processes_] == [True, False, False]
    shares = dict(zip(("hints", "mean", *space.columns), many.processes_[0].gp.kernel.slopes.tolist()))
    assert min(shares["kernel2"], shares["act"]) > 3 * max(shares["kernel1"], shares["kernel3"])
    many.save(tmp_path / "stack.npz")
    back = Stack.load(tmp_path / "stack.npz")
    assert np.array_equal(back.query(archs[50:]).mean, many.query(archs[50:]).mean)

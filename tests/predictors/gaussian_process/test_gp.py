from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.predictors.base import get_predictor
from archcast.predictors.gaussian_process._additive import AdditiveGP
from archcast.predictors.gaussian_process.gp import LINEAR_SHARE, GaussianProcess, group_priors, group_terms
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS = SPACE.sample(40, 0)
QUERIES = SPACE.sample(200, 1)


def score(archs):
    return 60 + 5.0 * (archs == 3).sum(axis=1) - 3.0 * (archs == 4).sum(axis=1)


def test_each_encoding_and_the_evidence_is_a_group():
    evidence = Evidence(proxies={"synflow": np.arange(40.0), "flops": np.arange(40.0)[::-1]})
    gp = GaussianProcess(SPACE, encoding=("adjacency", "graph-features")).init(ARCHS, score(ARCHS), evidence)
    assert [x.shape[1] for x in gp.gp_.terms.matern] == [30, 79, 2]
    assert [x.shape[1] for x in gp.gp_.terms.linear] == [109, 2]
    assert len(gp.gp_.kernel.lengthscales) == 3


def test_linear_term_is_the_mean_of_the_linear_kernels():
    gp = GaussianProcess(SPACE, encoding=("adjacency", "graph-features")).init(ARCHS, score(ARCHS))
    a, b = gp.features_.groups(ARCHS)
    x = group_terms(gp.features_, ARCHS, Evidence()).linear[0]
    np.testing.assert_allclose(x @ x.T, (a @ a.T / a.shape[1] + b @ b.T / b.shape[1]) / 2)


def test_prior_variances_add_up_to_that_of_the_targets():
    evidence = Evidence(proxies={"synflow": np.arange(40.0)})
    gp = GaussianProcess(SPACE, encoding=("adjacency", "graph-features")).init(ARCHS, score(ARCHS), evidence)
    priors = group_priors(gp.features_)
    assert [p.median for p in priors.slopes] == [LINEAR_SHARE] * 2
    assert sum(p.median for p in (*priors.scales, *priors.slopes)) == pytest.approx(1)
    assert [p.median for p in priors.lengthscales] == list(gp.features_.distances)


def test_query_is_the_posterior_mapped_back():
    gp = GaussianProcess(SPACE, encoding="adjacency").init(ARCHS, score(ARCHS))
    same = AdditiveGP.fit(
        group_terms(gp.features_, ARCHS, Evidence()), rank_normal(score(ARCHS)), group_priors(gp.features_)
    )
    mean, variance = same.predict(group_terms(gp.features_, QUERIES, Evidence()))
    prediction = gp.query(QUERIES)
    expected = gp.scale_.prediction(mean, gp.calibration_(mean, np.sqrt(variance + same.noise)))
    np.testing.assert_allclose(prediction.mean, expected.mean)
    np.testing.assert_allclose(prediction.std, expected.std)


def test_informative_evidence_helps_and_useless_evidence_does_little_harm():
    rng = np.random.default_rng(0)
    hidden_train, hidden = rng.normal(size=40), rng.normal(size=200)
    train, test = score(ARCHS) + 10 * hidden_train, score(QUERIES) + 10 * hidden

    def tau(evidence, query):
        return kendalltau(
            GaussianProcess(SPACE).init(ARCHS, train, evidence).query(QUERIES, query).mean, test
        ).statistic

    without = tau(None, None)
    helped = tau(Evidence(proxies={"p": hidden_train}), Evidence(proxies={"p": hidden}))
    noise = tau(Evidence(proxies={"p": rng.normal(size=40)}), Evidence(proxies={"p": rng.normal(size=200)}))
    assert helped > without + 0.2
    assert noise > without - 0.1


def test_uncertainty_is_smaller_at_training_rows():
    gp = GaussianProcess(SPACE).init(ARCHS[:15], score(ARCHS[:15]))
    assert gp.query(ARCHS[:15]).std.mean() < 0.8 * gp.query(QUERIES).std.mean()


def test_no_encoding_is_an_error():
    with pytest.raises(InvalidInputError, match=r"encoding is \(\)"):
        get_predictor("gp", SPACE, encoding=()).init(ARCHS, score(ARCHS))

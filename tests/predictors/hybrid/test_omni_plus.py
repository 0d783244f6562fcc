"""What `omni+` sees of curves, one row at a time by hand, and what it makes of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau, norm

from archcast.errors import InvalidInputError
from archcast.predictors import Evidence, Pool, get_predictor
from archcast.predictors.hybrid.omni_plus import _carried, curve_shapes, denoised
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS, QUERIES = np.unique(SPACE.sample(60, 0), axis=0)[:40], SPACE.sample(80, 1)


def final(archs):
    return 60 + 8 * (archs == 3).sum(axis=1) + (archs[:, 0] == 2)


def curves(archs, epochs, seed=0, noise=0.02):
    """Training losses that fall by a share an epoch, the faster the better; validation accuracies with noise."""
    rng = np.random.default_rng(seed)
    rate = 0.01 * (final(archs) - 55)
    time = np.arange(1, epochs + 1)
    loss = 2.3 * np.exp(-np.outer(rate, time) * 0.2 + noise * rng.normal(size=(len(archs), epochs)))
    accuracy = final(archs)[:, None] * (1 - 0.8**time) + rng.normal(0, 2, size=loss.shape)
    return {"train_loss": loss, "val_accuracy": accuracy}


# -- shapes ------------------------------------------------------------------------------------------------------------


def by_hand(row, epochs):
    seen = [v for v in row[:epochs] if not math.isnan(v)]
    n = len(seen)
    if n == 0:
        return dict.fromkeys(("last", "best", "mean", "late", "slope", "ahead"), math.nan)
    half = seen[n // 2 :]
    slope = float(np.polyfit(np.arange(len(half)), half, 1)[0]) if len(half) > 1 else 0.0
    return {
        "last": seen[-1],
        "best": max(seen),
        "mean": sum(seen) / n,
        "late": float(np.mean(seen[n - math.ceil(n / 4) :])),
        "slope": slope,
        "ahead": seen[-1] + n * slope,
    }


@given(
    arrays(float, (3, 9), elements=st.floats(-5, 5)),
    st.lists(st.integers(0, 9), min_size=3, max_size=3),
    st.integers(1, 12),
)
def test_shapes_row_by_row(values, lengths, epochs) -> None:
    for row, length in zip(values, lengths):
        row[length:] = np.nan
    shapes = curve_shapes(values, epochs)
    for i, row in enumerate(values.tolist()):
        for name, expected in by_hand(row, epochs).items():
            assert shapes[name][i] == pytest.approx(expected, abs=1e-8, nan_ok=True), name


def seen_by(predictor, evidence):
    """What the members are shown: (kind, name) -> values."""
    return {key[:2]: values for key, values in predictor._measured(evidence, predictor.evidence_.keys).items()}


def test_columns_of_the_evidence() -> None:
    predictor = get_predictor("omni+", SPACE, epochs=4, random_state=0)
    given_ = curves(ARCHS, 12)
    predictor.init(ARCHS, final(ARCHS), Evidence(given_, {"snip": final(ARCHS)}, {"ms": -final(ARCHS)}))
    seen = seen_by(predictor, Evidence(given_, {"snip": final(ARCHS)}, {"ms": -final(ARCHS)}))
    shapes = ("last", "best", "mean", "late", "slope")
    expected = {(shape, signal) for signal in given_ for shape in shapes} | {("ahead", "train_loss")}
    assert set(seen) == expected | {("proxy", "snip"), ("cost", "ms")}
    for i in (0, 7):
        hand = by_hand([-math.log(v) for v in given_["train_loss"][i].tolist()], 4)
        assert {name: seen[name, "train_loss"][i] for name in hand} == pytest.approx(hand)
        assert seen["best", "val_accuracy"][i] == max(given_["val_accuracy"][i, :4])


def test_a_loss_that_is_not_positive_is_not_a_logarithm() -> None:
    loss = curves(ARCHS, 6)["train_loss"] - 2
    predictor = get_predictor("omni+", SPACE, epochs=3, random_state=0).init(
        ARCHS, final(ARCHS), Evidence({"train_loss": loss})
    )
    seen = seen_by(predictor, Evidence({"train_loss": loss}))
    np.testing.assert_array_equal(seen["last", "train_loss"], -loss[:, 2])


# -- how far a curve was seen ------------------------------------------------------------------------------------------


def test_fewer_epochs_are_compared_with_what_training_rows_were_then() -> None:
    """By hand: rank-normal quantile among the training rows at two epochs, shrunk, and back among them at six."""
    known = curves(ARCHS, 12)
    predictor = get_predictor("omni+", SPACE, epochs=6, random_state=0).init(ARCHS, final(ARCHS), Evidence(known))
    asked = {name: values[:, :6].copy() for name, values in curves(QUERIES, 6, seed=3).items()}
    asked["train_loss"][5, 2:] = np.nan
    value = seen_by(predictor, Evidence(asked))["last", "train_loss"]
    then, later = -np.log(known["train_loss"][:, 1]), -np.log(known["train_loss"][:, 5])
    quantiles = norm.ppf((np.arange(40) + 0.5) / 40)
    q = np.interp(-np.log(asked["train_loss"][5, 1]), np.sort(then), quantiles)
    rank = lambda x: quantiles[np.argsort(np.argsort(x))]  # noqa: E731
    rho = np.corrcoef(rank(then), rank(later))[0, 1]
    assert value[5] == pytest.approx(np.interp(rho * q, quantiles, np.sort(later)))
    np.testing.assert_allclose(np.delete(value, 5), -np.log(np.delete(asked["train_loss"][:, 5], 5)))
    assert np.isfinite(predictor.query(QUERIES, Evidence(asked)).mean).all()


def test_what_does_not_go_together_is_carried_to_the_middle() -> None:
    before, after = np.arange(5.0), np.array([3.0, 1.0, 2.0, 5.0, 4.0])[::-1]
    np.testing.assert_array_equal(_carried(before, np.arange(10.0, 15), np.array([0.0, 4.0])), [10, 14])
    assert np.ptp(_carried(before, -np.arange(5.0), np.array([0.0, 4.0]))) == 0
    assert np.ptp(_carried(before, np.ones(5), np.array([0.0, 4.0]))) == 0
    assert len(_carried(before, after, before)) == 5


def test_rows_of_uneven_length_do_not_mind_their_company() -> None:
    known = curves(ARCHS, 8)
    for values in known.values():
        values[::5, 3:] = np.nan  # training rows that were stopped
    predictor = get_predictor("omni+", SPACE, epochs=5, random_state=0).init(ARCHS, final(ARCHS), Evidence(known))
    asked = {name: values.copy() for name, values in curves(QUERIES, 7, seed=4).items()}
    for row in range(len(QUERIES)):
        asked["train_loss"][row, row % 8 :] = np.nan
        asked["val_accuracy"][row, row // 2 % 8 :] = np.nan
    evidence = Evidence(asked)
    whole = predictor.query(QUERIES, evidence)
    assert np.isfinite(whole.mean).all()
    for rows in (np.array([3]), np.arange(20, 40)):
        part = predictor.query(QUERIES[rows], evidence[rows])
        np.testing.assert_allclose(part.mean, whole.mean[rows], rtol=1e-8)
    longer = {name: np.hstack([values, np.full((len(QUERIES), 2), 3.0)]) for name, values in curves(QUERIES, 5).items()}
    cut = {name: values[:, :5] for name, values in longer.items()}
    np.testing.assert_array_equal(
        predictor.query(QUERIES, Evidence(longer)).mean, predictor.query(QUERIES, Evidence(cut)).mean
    )


def test_without_curves_it_is_stack() -> None:
    evidence = Evidence(proxies={"snip": final(ARCHS)})
    pool = Pool(SPACE.sample(50, 5))
    answers = [
        get_predictor(name, SPACE, random_state=3).init(ARCHS, final(ARCHS), evidence, pool=pool).query(QUERIES[:9])
        for name in ("omni+", "stack")
    ]
    np.testing.assert_array_equal(answers[0].mean, answers[1].mean)
    np.testing.assert_array_equal(answers[0].std, answers[1].std)


# -- the chance in a score ---------------------------------------------------------------------------------------------


def noisy(n, noise, seed=0):
    """Hidden values, curves of 20 epochs that end at them with noise in each epoch, and the last epoch's value tested once more."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n)
    values = hidden[:, None] - 2 * 0.6 ** np.arange(20) + noise * rng.normal(size=(n, 20))
    return hidden, hidden + noise * rng.normal(size=n), values


def test_denoised_by_leaving_rows_out() -> None:
    _, scores, values = noisy(12, 0.3)
    x = np.stack([rank_normal(values[:, -k:].mean(axis=1)) for k in (1, 2, 5)], axis=1)
    y = rank_normal(scores)

    def ridge(rows):
        return np.linalg.solve(x[rows].T @ x[rows] + np.eye(3), x[rows].T @ y[rows])

    left_out = np.array([x[i] @ ridge(np.delete(np.arange(12), i)) for i in range(12)])
    explained = 1 - np.square(y - left_out).sum() / np.square(y - y.mean()).sum()
    assert 0.3 < explained < 1
    expected = y + explained**4 * (x @ ridge(np.arange(12)) - y)
    np.testing.assert_allclose(denoised(scores, [values]), TargetScale.of(scores).backward(expected))


def test_denoised_scores_are_nearer_to_what_is_hidden() -> None:
    hidden, scores, values = noisy(60, 0.3)
    better = denoised(scores, [values])
    assert np.corrcoef(better, hidden)[0, 1] > np.corrcoef(scores, hidden)[0, 1] + 0.01
    early = denoised(scores, [values[:, :1] + 2 * np.random.default_rng(4).normal(size=(60, 1))])
    assert np.abs(early - scores).max() < 0.02, "a curve that tells little of the score moves it little"
    nothing = denoised(scores, [np.random.default_rng(5).normal(size=(60, 20))])
    np.testing.assert_allclose(nothing, scores, atol=1e-6)


def test_what_cannot_be_denoised_stays() -> None:
    _, scores, values = noisy(12, 0.3)
    for curves_ in ([], [np.zeros((12, 0))], [np.full((12, 4), np.nan)]):
        np.testing.assert_array_equal(denoised(scores, curves_), scores)
    np.testing.assert_array_equal(denoised(scores[:4], [values[:4]]), scores[:4])
    np.testing.assert_array_equal(denoised(np.ones(12), [values]), np.ones(12))
    stopped = values.copy()
    stopped[::2, 15:] = np.nan
    found = denoised(scores, [stopped])
    np.testing.assert_allclose(found[::2], scores[::2])
    assert (found[1::2] != scores[1::2]).all()


def test_std_holds_the_chance() -> None:
    _, scores, values = noisy(30, 0.5)
    evidence = Evidence({"val_accuracy": values})
    predictor = get_predictor("omni+", SPACE, random_state=0).init(ARCHS[:30], scores, evidence)
    assert predictor.noise_ == pytest.approx(np.sqrt(np.square(scores - denoised(scores, [values])).mean()))
    assert (predictor.query(ARCHS[:30], evidence).std > predictor.noise_).all()


# -- what it is worth --------------------------------------------------------------------------------------------------


def test_a_curve_ranks_architectures_whose_structure_says_nothing() -> None:
    """Eight trained architectures; scores that no encoding knows, which the training loss shows the better the longer it falls."""
    rng = np.random.default_rng(1)
    hidden, asked = rng.normal(size=8), rng.normal(size=80)

    def tau(epochs):
        def losses(good, noise):
            time = np.arange(1, 21)
            return 2.3 * np.exp(-np.outer(1 + 0.2 * good, 0.05 * time) + 0.01 * noise.normal(size=(len(good), 20)))

        predictor = get_predictor("omni+", SPACE, epochs=epochs, random_state=0)
        predictor.init(ARCHS[:8], 80 + hidden, Evidence({"train_loss": losses(hidden, np.random.default_rng(2))}))
        seen = losses(asked, np.random.default_rng(3))[:, :epochs]
        return kendalltau(predictor.query(QUERIES, Evidence({"train_loss": seen})).mean, asked).statistic

    assert tau(1) < tau(16) - 0.2
    assert tau(16) > 0.6


def test_the_prior_follows_the_training_loss_the_more_the_longer_it_was_seen() -> None:
    slopes, weights = [], []
    for epochs in (1, 4, 12):
        predictor = get_predictor("omni+", SPACE, epochs=epochs, random_state=0)
        predictor.init(ARCHS, final(ARCHS), Evidence(curves(ARCHS, 20)))
        view, evidence = predictor.structure_.view(QUERIES), Evidence(curves(QUERIES, epochs))
        inputs = predictor._inputs(view, predictor._measured(evidence, predictor.evidence_.keys))
        names = [key[:2] for key in predictor.evidence_.keys]
        numbers = [names.index((shape, "train_loss")) for shape in ("last", "ahead")]
        leading = inputs.evidence[:, numbers].mean(axis=1)
        basis = np.stack([leading, view.size], axis=1)
        share = np.linalg.lstsq(basis, inputs.size, rcond=None)[0]
        np.testing.assert_allclose(basis @ share, inputs.size, atol=1e-9)
        assert share.sum() == pytest.approx(1)
        slopes.append(inputs.slope)
        weights.append(share[0])
    assert weights == pytest.approx([1 / 3, 4 / 6, 12 / 14])
    assert slopes == sorted(slopes)


def test_it_is_saved_with_its_curves(tmp_path) -> None:
    evidence = Evidence(curves(ARCHS, 9))
    predictor = get_predictor("omni+", SPACE, epochs=4, random_state=0).init(ARCHS, final(ARCHS), evidence)
    predictor.save(tmp_path / "omni.npz")
    asked = {name: values[:, :3] for name, values in curves(QUERIES, 4).items()}
    np.testing.assert_array_equal(
        type(predictor).load(tmp_path / "omni.npz").query(QUERIES, Evidence(asked)).mean,
        predictor.query(QUERIES, Evidence(asked)).mean,
    )


def test_wrong_epochs() -> None:
    for wrong in (0, 2.5, "3"):
        with pytest.raises(InvalidInputError, match="epochs"):
            get_predictor("omni+", SPACE, epochs=wrong).init(ARCHS, final(ARCHS))

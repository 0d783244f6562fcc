"""What partial curves may look like, and the scale that they are put on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import archcast
from archcast.errors import InvalidInputError, MissingEvidenceError
from archcast.predictors.base import PREDICTORS, Prediction
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves, CurveScale, falls, seen_epochs

NAN = float("nan")
ROW = [[3] * 6]
SIGNALS = ["val_accuracy", "train_loss", "val_error", "perplexity", "reward"]


class Spy(CurvePredictor):
    """Answers with the last value and keeps what it was given."""

    def _learn(self, archs, scores, curves):
        self.learned_ = None if curves is None else (archs, scores, curves)

    def _extrapolate(self, archs, curves):
        self.asked_ = curves
        return Prediction(curves.last)


class Learner(Spy):
    """Needs labels."""

    learns_from_labels = True
    fewest_epochs = 2


def evidence(values, signal="val_accuracy"):
    return archcast.Evidence({signal: values})


def spy(kind=Spy, **params):
    return kind("nasbench201", **{"epochs": 2, **params})


# -- scales ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("signal", SIGNALS)
@settings(max_examples=60)
@given(values=arrays(np.float64, (4, 6), elements=st.floats(-1e4, 1e4)))
def test_scale_goes_there_and_back(signal, pooled, values) -> None:
    scale = CurveScale.of(values, signal, pooled=pooled)
    assert (scale.high > scale.low).all()
    shares = scale.forward(values)
    np.testing.assert_allclose(scale.backward(shares), values, atol=1e-7)
    assert shares.max() <= 1 + 1e-9, "nothing seen is better than the best thinkable"
    steps = np.diff(values, axis=1)
    large = np.abs(steps) > 1e-6
    assert (np.sign(np.diff(shares, axis=1))[large] == np.sign(steps)[large]).all(), "higher stays better"
    np.testing.assert_allclose(scale.backward_std(np.ones(4)), np.broadcast_to(scale.high - scale.low, 4))


@pytest.mark.parametrize(
    ("signal", "values", "low", "high"),
    [
        ("val_accuracy", [[0.2, 0.9]], 0, 1),
        ("val_accuracy", [[20.0, 90.0]], 0, 100),
        ("val_error", [[-0.8, -0.1]], -1, 0),
        ("val_error", [[-80.0, -10.0]], -100, 0),
        ("train_loss", [[-2.3, -0.4]], -2.3, 0),
        ("val_perplexity", [[-300.0, -80.0]], -300, 0),
        ("reward", [[-3.0, 1.0]], -3, 5),
        ("train_loss", [[-1.0, 3.0]], -1, 7),
        ("val_accuracy", [[0.0, 0.0]], 0, 1),
        ("train_loss", [[0.0, 0.0]], 0, 1),
    ],
)
def test_limits_of_one_row(signal, values, low, high) -> None:
    scale = CurveScale.of(np.array(values), signal, pooled=False)
    assert (scale.low[0], scale.high[0]) == (low, high)


def test_one_diverged_training_does_not_set_the_scale_of_all() -> None:
    losses = -np.array([[2.3, 1.0], [2.4, 0.5], [2.2, 1e6]])
    scale = CurveScale.of(losses, "train_loss", pooled=True)
    assert (scale.low[0], scale.high[0]) == (-2.4, 0.0)


def test_complete_losses_tell_how_low_losses_go() -> None:
    scale = CurveScale.of(-np.array([[7.0, 4.5], [7.0, 4.4]]), "val_loss", pooled=True)
    assert scale.high[0] == pytest.approx(-4.4 + 2.6)
    assert scale.ceiling[0] == 0


def test_signals_that_fall() -> None:
    assert [falls(signal) for signal in SIGNALS] == [False, True, True, True, False]


# -- curves ------------------------------------------------------------------------------------------------------------


def test_seen_epochs() -> None:
    values = np.array([[1, 2, NAN], [NAN, NAN, NAN], [1, NAN, 3], [NAN, 2, NAN]])
    assert seen_epochs(values).tolist() == [2, 0, 3, 2]
    assert seen_epochs(np.zeros((2, 0))).tolist() == [0, 0]


def test_curves() -> None:
    values = np.array([[0.1, 0.5, 0.4], [0.2, 0.3, NAN]])
    curves = Curves(values, np.array([3, 2]), 3, CurveScale(np.zeros(1), np.ones(1)))
    assert curves.last.tolist() == [0.4, 0.3]
    assert curves.complete.tolist() == [True, False]
    assert curves[1:].last.tolist() == [0.3]
    assert len(curves) == 2


# -- the contract ------------------------------------------------------------------------------------------------------


def test_a_falling_signal_is_negated_once() -> None:
    one = spy(signal="val_loss", total_epochs=9).init(None, None)
    assert one.query(ROW, evidence([[3.0, 1.0]], "val_loss")).mean.tolist() == [-1.0]
    assert one.asked_.values.tolist() == [[-3.0, -1.0]]
    np.testing.assert_allclose(one.asked_.shares, [[0, 2 / 3]])


def test_total_epochs() -> None:
    partial, whole = evidence([[1.0, 2, NAN, NAN]]), evidence(np.ones((2, 7)))
    with pytest.raises(
        MissingEvidenceError, match=r"Spy does not know how many epochs .*total_epochs=50, or give compl"
    ):
        spy().init().query(ROW, partial)
    one = spy().init(ROW * 2, None, whole)
    one.query(ROW, partial)
    assert one.asked_.total == 7, "the longest curve at init"
    one = spy(total_epochs=50).init(ROW * 2, None, whole)
    one.query(ROW, partial)
    assert one.asked_.total == 50, "what was asked for"
    with pytest.raises(MissingEvidenceError, match="how many epochs"):
        one.set_params(total_epochs=None).init().query(ROW, partial)


def test_who_does_not_forecast_an_epoch_needs_no_total() -> None:
    free = {"early-stop", "sotl", "sotl-e", "lcsvr", "omni", "omni-seminas"}
    for name in PREDICTORS.names():
        kind = PREDICTORS[name]
        if issubclass(kind, CurvePredictor):
            assert kind.needs_total == (name not in free), name
    for name in ("lc-pfn", "lc-increment", "lce", "lce-m"):
        with pytest.raises(MissingEvidenceError, match="does not know how many epochs a full training has"):
            archcast.get_predictor(name, "nasbench201").init().query(ROW, evidence([[0.1, 0.2, 0.3, 0.4, 0.5]]))


def test_one_row_of_percent_makes_all_percent() -> None:
    """An accuracy of .9 % is no share if another row tells the scale, or ``highest`` does."""
    both = CurveScale.of(np.array([[0.2, 0.9], [20.0, 50.0]]), "val_accuracy", pooled=False)
    assert both.high.tolist() == both.ceiling.tolist() == [100, 100]
    alone = CurveScale.of(np.array([[0.2, 0.9]]), "val_accuracy", pooled=False, highest=100)
    assert (alone.low[0], alone.high[0]) == (0, 100)


@pytest.mark.parametrize(
    ("signal", "values", "floor", "ceiling"),
    [
        ("val_accuracy", [[0.2, 0.9]], 0, 1),
        ("val_error", [[-80.0, -10.0]], -100, 0),
        ("train_loss", [[-2.3, -0.4]], -np.inf, 0),
        ("train_loss", [[-2.3, 0.4]], -np.inf, np.inf),
        ("reward", [[0.2, 0.9]], -np.inf, np.inf),
        ("val_accuracy", [[-0.2, 0.9]], -np.inf, np.inf),
    ],
)
def test_bounds(signal, values, floor, ceiling) -> None:
    for pooled in (True, False):
        scale = CurveScale.of(np.array(values), signal, pooled=pooled)
        assert (scale.floor[0], scale.ceiling[0]) == (floor, ceiling)


@pytest.mark.parametrize("highest", [0, -1, float("nan"), "100"])
def test_highest_is_checked(highest) -> None:
    with pytest.raises(InvalidInputError, match="highest"):
        archcast.get_predictor("lc-pfn", "nasbench201", highest=highest).init()


def test_init_without_labels_takes_what_there_is() -> None:
    some = np.array([[1.0, 2, 3], [NAN, NAN, NAN], [5, NAN, NAN]])
    archs = archcast.get_space("nasbench201").sample(3, 0)
    learned = spy().init(archs, [7, 8, 9], evidence(some)).learned_
    assert np.array_equal(learned[0], archs[[0, 2]])
    assert learned[1].tolist() == [7, 9]
    assert learned[2].seen.tolist() == [3, 1]
    assert learned[2].total == 3
    for known in (None, archcast.Evidence(), evidence(some, "train_loss"), evidence(some * NAN)):
        assert spy().init(archs, None, known).learned_ is None


def test_errors_name_predictor_row_and_need() -> None:
    good = np.arange(8.0).reshape(2, 4)
    gap, late, short, unknown = (good.copy() for _ in range(4))
    gap[1, 2], late[1, 0], short[1, 1:], unknown[1] = NAN, NAN, NAN, NAN
    for one, what in (
        (spy(total_epochs=9).init(), "Spy"),
        (spy(Learner).init(ROW * 2, [1, 2], evidence(good)), "Learner"),
    ):
        for values, kind, message in (
            (
                gap,
                InvalidInputError,
                rf"{what} needs curves without gaps: .*'val_accuracy'\] is NaN in row 1 at epoch 3",
            ),
            (late, InvalidInputError, rf"{what} needs curves without gaps: .* row 1 at epoch 1, but known at epoch 4"),
            (short, MissingEvidenceError, rf"{what} needs 2 epochs of .*'val_accuracy'\], row 1 has 1\. Train it"),
            (unknown, MissingEvidenceError, rf"{what} needs 2 epochs of .*, row 1 has 0\."),
            (good[:, :1], MissingEvidenceError, rf"{what} needs 2 epochs of .*, got 1 epochs"),
        ):
            with pytest.raises(kind, match=message):
                one.query(ROW * 2, evidence(values))
    with pytest.raises(MissingEvidenceError, match="row 1 has 1"):
        spy(Learner).init(ROW * 2, [1, 2], evidence(short))
    with pytest.raises(InvalidInputError, match="without gaps"):
        spy().init(ROW * 2, None, evidence(gap))
    with pytest.raises(
        InvalidInputError, match=r"Spy expects trainings of 3 epochs, row 0 .* has 4\. .*total_epochs=4"
    ):
        spy(total_epochs=3).init().query(ROW * 2, evidence(good))
    with pytest.raises(
        MissingEvidenceError, match=r"Spy needs 2 epochs of evidence\.curves\['val_accuracy'\], got none"
    ):
        spy().init().query(ROW)
    with pytest.raises(InvalidInputError, match="infinite"):
        evidence(np.where(good > 6, np.inf, good))
    with pytest.raises(InvalidInputError, match="must be an array, got"):
        evidence([[1.0, 2.0], [3.0]])


def test_the_row_is_counted_over_the_whole_call() -> None:
    n = 8192 + 5
    values = np.ones((n, 3))
    values[-1, 1:] = NAN
    with pytest.raises(MissingEvidenceError, match=f"row {n - 1} has 1"):
        spy().init().query(ROW * n, evidence(values))


@pytest.mark.parametrize("epochs", [0, 1.5, "2", True, None])
def test_epochs_is_checked(epochs) -> None:
    with pytest.raises(InvalidInputError, match="epochs is"):
        spy(epochs=epochs).init()


def test_fewest_epochs_and_total() -> None:
    with pytest.raises(InvalidInputError, match="at least 2"):
        spy(Learner, epochs=1).init(ROW, [1], evidence([[1.0, 2.0]]))
    with pytest.raises(InvalidInputError, match="total_epochs is 1"):
        spy(total_epochs=1).init()


def test_requires_says_what_the_parameters_say() -> None:
    needs = spy(Learner, signal="val_loss", epochs=7).requires
    assert (needs.labels, needs.curve, needs.epochs) == (True, "val_loss", 7)
    assert not spy().requires.labels


def test_the_registry_says_who_needs_a_curve() -> None:
    names = [name for name in PREDICTORS.names() if PREDICTORS.entry(name).info["family"] == "learning-curve"]
    assert len(names) >= 9
    for name in names:
        assert issubclass(PREDICTORS[name], CurvePredictor)
        assert "curve" in PREDICTORS.entry(name).info["needs"]
        assert archcast.get_predictor(name, "nasbench201").requires.curve


@pytest.mark.parametrize("value", [0.0, 1e-300, -3.0, 1e20, -1e300])
def test_values_that_are_all_the_same_have_a_scale(value) -> None:
    scale = CurveScale.of(np.full((2, 4), value), "reward", pooled=False)
    assert (scale.high > scale.low).all()
    assert np.isfinite(scale.forward(np.full(2, value))).all()

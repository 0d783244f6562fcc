"""The pruner in studies: it stops what the forecast of a curve says is hopeless, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError

optuna = pytest.importorskip("optuna", reason="needs the extra 'optuna'")

from optuna.trial import TrialState, create_trial  # noqa: E402

from archcast.integrations.optuna import CurvePruner, PredictorSampler, distributions  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.WARNING)

NB201 = archcast.get_space("nasbench201")


def curve(top: float, epochs: int = 20) -> list[float]:
    return [top * (1 - 0.8 ** (epoch + 1)) for epoch in range(epochs)]


def with_curves(curves, *, maximize=True, **params):
    sampler = PredictorSampler(NB201, "bayesian-linear", n_candidates=50, n_startup_trials=4, seed=0)
    direction = "maximize" if maximize else "minimize"
    study = optuna.create_study(direction=direction, sampler=sampler, pruner=CurvePruner(NB201, **params))
    for row, values in zip(NB201.sample(len(curves), 0), curves):
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                value=values[-1],
                params=dict(zip(NB201.columns, row.tolist())),
                distributions=distributions(NB201),
                intermediate_values=dict(enumerate(values)),
            )
        )
    return study


def stopped_at(study, values) -> int | None:
    trial = study.ask(distributions(NB201))
    for epoch, value in enumerate(values):
        trial.report(value, epoch)
        if trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return epoch
    study.tell(trial, values[-1])
    return None


TOPS = np.linspace(0.5, 0.8, 8)


def test_hopeless_curves_are_stopped_and_promising_ones_are_not() -> None:
    study = with_curves([curve(top) for top in TOPS])
    at = stopped_at(study, curve(0.4))
    assert at is not None
    assert 4 <= at < 12
    assert stopped_at(study, curve(0.9)) is None
    assert study.trials[-2].system_attrs["archcast:forecast"] == pytest.approx(0.4, abs=0.1)


def test_losses_are_the_same_upside_down() -> None:
    tops = [curve(top) for top in TOPS]
    up = with_curves(tops, signal="val_accuracy")
    down = with_curves([[1 - v for v in c] for c in tops], maximize=False, signal="val_error")
    assert stopped_at(up, curve(0.45)) == stopped_at(down, [1 - v for v in curve(0.45)])
    assert stopped_at(down, [1 - v for v in curve(0.9)]) is None
    assert down.trials[-2].system_attrs["archcast:forecast"] == pytest.approx(
        1 - up.trials[-1].system_attrs["archcast:forecast"]
    )


def test_the_decision_is_the_probability_that_the_predictor_forecasts() -> None:
    tops, seen = [curve(top) for top in TOPS], curve(0.72)[:8]
    predictor = archcast.get_predictor("lc-increment", NB201, total_epochs=20, random_state=0)
    predictor.init(NB201.sample(8, 0), None, archcast.Evidence({"val_accuracy": tops}))
    chance = float(predictor.forecast([[3] * 6], archcast.Evidence({"val_accuracy": [seen]})).above(tops[-1][-1])[0])
    assert 0.001 < chance < 0.9
    for threshold, stops in ((chance * 1.01, True), (chance * 0.99, False)):
        study = with_curves(tops, threshold=threshold, n_warmup_steps=8)
        assert (stopped_at(study, seen) == 7) is stops


def test_when_nothing_is_stopped() -> None:
    few = with_curves([curve(top) for top in TOPS[:4]])
    assert stopped_at(few, curve(0.1)) is None  # too few complete trials
    late = with_curves([curve(top) for top in TOPS], n_warmup_steps=15)
    assert stopped_at(late, curve(0.1)) == 14
    seldom = with_curves([curve(top) for top in TOPS], n_warmup_steps=6, interval_steps=100)
    assert stopped_at(seldom, curve(0.79)) is None
    unknown = with_curves([curve(top) for top in TOPS])
    assert stopped_at(unknown, [math.nan, *curve(0.1)[:10]]) is None
    assert stopped_at(unknown, [0.1, math.nan, *curve(0.1)[2:12]]) is not None  # a gap counts as the value before it
    short = with_curves([[0.1, 0.2], *[curve(top) for top in TOPS]])
    assert stopped_at(short, curve(0.1)) is not None  # a complete trial of another length is left out


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("maximize", [True, False])
def test_a_training_without_values_is_stopped_and_harms_no_other(bad, maximize) -> None:
    sound = [curve(top) if maximize else [1 - v for v in curve(top)] for top in TOPS]
    study = with_curves(sound, maximize=maximize)
    assert stopped_at(study, [*sound[-1][:6], bad, bad]) == 6
    assert stopped_at(with_curves([], maximize=maximize), [*sound[-1][:6], bad]) == 6, "the first trial of all, too"
    assert stopped_at(study, [bad] * 20) is not None
    hopeless = curve(0.3) if maximize else [1 - v for v in curve(0.3)]
    assert stopped_at(study, hopeless) is not None, "the others are judged as before"
    early = with_curves(sound, maximize=maximize, n_warmup_steps=10)
    assert stopped_at(early, [*sound[-1][:3], *[bad] * 10]) == 9


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"threshold": 0}, "threshold must be a finite number between 0 and 1, got 0"),
        ({"predictor": "gp"}, "predictor 'gp' forecasts no learning curves. Use 'lc-increment' or 'lc-pfn'"),
        ({"predictor": "lc"}, "Unknown predictor 'lc'"),
        ({"n_startup_trials": 0}, "n_startup_trials must be a whole number of at least 1"),
        ({"interval_steps": 0}, "interval_steps must be"),
        ({"total_reports": 1}, "total_reports must be"),
        ({"n_warmup_steps": -1}, "n_warmup_steps must be"),
    ],
)
def test_wrong_parameters_of_the_pruner(params, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        CurvePruner(NB201, **params)


def test_a_predictor_object_judges_with_its_own_signal() -> None:
    study = with_curves(
        [curve(top) for top in TOPS], predictor=archcast.get_predictor("lc-pfn", NB201, signal="val_accuracy", epochs=3)
    )
    at = stopped_at(study, curve(0.2))
    assert at is not None
    assert at >= 2

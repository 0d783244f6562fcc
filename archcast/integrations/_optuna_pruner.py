"""The pruner of :mod:`archcast.integrations.optuna`: stops a training whose learning curve leaves little hope."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sklearn.base import clone

from archcast.checks import label_of, real, whole
from archcast.errors import InvalidInputError, short
from archcast.evidence import Evidence
from archcast.integrations._optuna_trials import FORECAST, arch_of
from archcast.predictors.base import get_predictor
from archcast.predictors.learning_curve.lc_pfn import CurveForecaster
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["CurvePruner"]


class CurvePruner(BasePruner):
    """Stops a trial when its learning curve leaves little hope: ``P(predicted final value > best so far) < threshold``.

    The curve is what ``trial.report`` was given, in the order of the steps; it needs the same number of reports, evenly spaced,
    in every trial. The curves of complete trials show the predictor what such curves gain, and the best of their last
    values is the best so far. Where the study minimises, the signal must be a falling one (loss, error).

    A training that became NaN or infinite is stopped at the next report, whatever is known of others, and teaches the predictor
    nothing. A single value that is not finite counts as the one before it; a curve that begins without a value is not judged by a
    forecast.

    Args:
        space: search space.
        predictor: ``"lc-increment"``, ``"lc-pfn"``, or a predictor with ``forecast``.
        threshold: the probability below which a trial is stopped. The best trial of all is lost at most about that often, if
            the forecasts are calibrated and each trial is looked at once; every further look adds to it.
        signal: what is reported; ``val_accuracy`` by default, or ``val_loss`` where the study minimises.
        total_reports: of a complete trial; by default those of the longest complete trial.
        n_startup_trials: complete trials before any with finite values is stopped.
        n_warmup_steps: reports of a trial before it may be stopped; at least what the predictor needs.
        interval_steps: reports from one look to the next.

    Examples:
        >>> import optuna
        >>> from archcast.integrations.optuna import PredictorSampler, suggest_arch
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> def objective(trial):
        ...     top = (suggest_arch(trial, "nasbench201") == 3).mean()
        ...     for epoch in range(1, 21):
        ...         value = top * (1 - 0.8**epoch)
        ...         trial.report(value, epoch)
        ...         if trial.should_prune():
        ...             raise optuna.TrialPruned
        ...     return value
        >>> sampler = PredictorSampler("nasbench201", "gp", seed=0)
        >>> study = optuna.create_study(direction="maximize", sampler=sampler, pruner=CurvePruner("nasbench201"))
        >>> study.optimize(objective, n_trials=15)
        >>> sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials) >= 3
        True

    Raises:
        InvalidInputError: a parameter is out of range, or the predictor forecasts no curves.
    """

    def __init__(
        self,
        space: str | SearchSpace,
        predictor: str | CurveForecaster = "lc-increment",
        *,
        threshold: float = 0.05,
        signal: str | None = None,
        total_reports: int | None = None,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
    ) -> None:
        self.space = get_space(space)
        self.threshold = real("threshold", threshold, 0, 1, inside=True)
        if signal is not None:
            label_of("signal", signal)
        if not isinstance(predictor, (str, CurveForecaster)):
            raise InvalidInputError(
                f"predictor must be one that forecasts curves, or its name, got {short(predictor)}."
            )
        self.signal = signal
        self.total_reports = None if total_reports is None else whole("total_reports", total_reports, 2)
        self.n_startup_trials = whole("n_startup_trials", n_startup_trials, 1)
        self.n_warmup_steps = whole("n_warmup_steps", n_warmup_steps, 0)
        self.interval_steps = whole("interval_steps", interval_steps, 1)
        self.predictor = predictor
        self._fewest = self._predictor("val_accuracy" if signal is None else signal, None).epochs

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether to stop a trial, from what it and the complete ones have reported."""
        maximizes = study.direction == StudyDirection.MAXIMIZE
        if self._diverged(trial):
            return True
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        done = [other for other in done if other.intermediate_values]
        if len(done) < self.n_startup_trials:
            return False
        total = self.total_reports or max(len(other.intermediate_values) for other in done)
        done = [other for other in done if len(other.intermediate_values) == total]
        curve, complete = _curve(trial), np.array([_curve(other) for other in done]).reshape(len(done), -1)
        complete = complete[
            np.isfinite(complete).all(axis=1)
        ]  # those that diverged, or began without a value, are left out
        predictor = self._predictor(self.signal or ("val_accuracy" if maximizes else "val_loss"), total)
        seen, start = len(curve), max(self.n_warmup_steps, predictor.epochs)
        if seen < start or seen >= total or (seen - start) % self.interval_steps or not len(complete):
            return False
        if not np.isfinite(curve).all():
            return False
        archs = np.tile(arch_of(trial, self.space), (len(complete), 1))
        predictor.init(archs, None, Evidence({predictor.signal: complete}))
        forecast = predictor.forecast(archs[:1], Evidence({predictor.signal: curve[None]}))
        sign = 1.0 if maximizes else -1.0
        hopeless = bool(forecast.above((sign * complete[:, -1]).max())[0] < self.threshold)
        if hopeless:
            study._storage.set_trial_system_attr(trial._trial_id, FORECAST, sign * float(forecast.mean[0]))
        return hopeless

    def _diverged(self, trial: FrozenTrial) -> bool:
        """Whether a training that had values has none now, or still has none after as many reports as a forecast needs."""
        reported = [value for _, value in sorted(trial.intermediate_values.items())]
        if not reported or math.isfinite(reported[-1]) or len(reported) < self.n_warmup_steps:
            return False
        return any(map(math.isfinite, reported)) or len(reported) >= self._fewest

    def _predictor(self, signal: str, total: int | None) -> CurveForecaster:
        """A new predictor of a signal."""
        named = isinstance(self.predictor, str)
        made: Any = get_predictor(str(self.predictor), self.space) if named else clone(cast("Any", self.predictor))
        if not isinstance(made, CurveForecaster) or made.learns_from_labels:
            raise InvalidInputError(
                f"predictor {self.predictor!r} forecasts no learning curves. Use 'lc-increment' or 'lc-pfn'."
            )
        if named:
            made.set_params(signal=signal, random_state=0)
        return made if total is None else cast("CurveForecaster", made.set_params(total_epochs=max(total, made.epochs)))


def _curve(trial: FrozenTrial) -> NDArray[np.float64]:
    """Reported values in the order of their steps; one in between that is not finite is that before it."""
    values = np.array([value for _, value in sorted(trial.intermediate_values.items())], dtype=float)
    for i in range(1, len(values) - 1):
        if not np.isfinite(values[i]):
            values[i] = values[i - 1]
    return values

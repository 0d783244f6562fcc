"""Predictors inside Optuna (Akiba et al. 2019, https://arxiv.org/abs/1907.10902): a sampler and a pruner.

Optuna brings the storage (a file, SQLite, PostgreSQL), workers on many machines that share it, and the dashboard. All that the
sampler and the pruner know they read from the study, so any number of workers may use them, each with its own, and one that dies
takes nothing with it. An architecture is a trial's parameters: a categorical for each column of the space.

    import optuna
    import archcast
    from archcast.integrations.optuna import CurvePruner, PredictorSampler, suggest_arch

    space = archcast.get_space("nasbench201")

    def objective(trial):
        arch = suggest_arch(trial, space)
        for epoch in range(200):
            accuracy = train_one_more_epoch(arch)
            trial.report(accuracy, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return accuracy

    study = optuna.create_study(
        study_name="cells", storage="sqlite:///cells.db", load_if_exists=True, direction="maximize",
        sampler=PredictorSampler(space, "gp", seed=0), pruner=CurvePruner(space),
    )
    study.optimize(objective, n_trials=100)

Run the same script once more, here or elsewhere, and both work on the study. Needs ``pip install "archcast[optuna]"``.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.errors import ArchcastError, InvalidInputError, require
from archcast.evidence import Evidence
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.learning_curve.lc_pfn import CurveForecaster
from archcast.search.base import ZeroCost, get_strategy
from archcast.spaces.base import SearchSpace, get_space

try:
    from optuna.distributions import BaseDistribution, CategoricalDistribution
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler, RandomSampler
    from optuna.study import Study, StudyDirection
    from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
except ImportError:
    require("optuna", extra="optuna", feature="archcast.integrations.optuna")
    raise

__all__ = ["CurvePruner", "PredictorSampler", "arch_of", "distributions", "requeue_lost", "suggest_arch"]

CLAIM = "archcast:arch"
"""System attribute of a trial: the architecture that the sampler chose, written before the parameters are."""
FORECAST = "archcast:forecast"
"""System attribute of a pruned trial: the final value that was predicted for it."""
ATTEMPTS = 50
"""How often a row is chosen anew because another worker chose the same at the same time."""

Row = NDArray[np.int64]


def distributions(space: str | SearchSpace) -> dict[str, CategoricalDistribution]:
    """Column -> the categorical distribution of its values, for ``study.ask(distributions(space))``."""
    space = get_space(space)
    return {
        name: CategoricalDistribution(range(size))
        for name, size in zip(space.columns, space.cardinalities, strict=True)
    }


def suggest_arch(trial: Trial, space: str | SearchSpace) -> Row:
    """The architecture of a trial: ``(d,)``, one categorical parameter a column.

    Its text in the benchmark's own notation becomes the trial's user attribute ``arch``, which the dashboard shows.

    Raises:
        InvalidInputError: the row is not in the space, which no :class:`PredictorSampler` ever suggests but others may.
    """
    space = get_space(space)
    row = [
        trial.suggest_categorical(name, range(size))
        for name, size in zip(space.columns, space.cardinalities, strict=True)
    ]
    arch = space.validate(row)
    trial.set_user_attr("arch", space.format(arch)[0])
    return np.asarray(arch[0])


def arch_of(trial: Trial | FrozenTrial, space: str | SearchSpace) -> Row:
    """The architecture ``(d,)`` that a trial, running or finished, was suggested.

    Raises:
        InvalidInputError: its parameters are not the columns of the space.
    """
    space = get_space(space)
    missing = [name for name in space.columns if name not in trial.params]
    if missing:
        raise InvalidInputError(
            f"trial {trial.number} has no parameter {missing[0]!r}, a column of space {space.name!r}. "
            f"Let the objective call suggest_arch(trial, space)."
        )
    return np.asarray(space.validate([trial.params[name] for name in space.columns])[0])


class PredictorSampler(BaseSampler):
    """Bayesian optimisation with any predictor: the strategy ``bayesian``, fitted to the study's trials.

    - Rows that are not in the space are never suggested, nor the twins (other rows of the same function) of an architecture
      that any trial has or had: complete, pruned, failed, running or enqueued, of this worker or another.
    - Two workers that choose at the same time cannot choose the same: each writes its choice to the storage, then reads those of
      all others, and who finds a twin chooses again.
    - Running trials count as if they had the score predicted for them, so that parallel workers spread.
    - Pruned trials count with the final value that :class:`CurvePruner` predicted, else with their last value.
    - Failed trials teach nothing.
    - Other parameters of the objective, say a learning rate, are drawn at random.

    Args:
        space: search space.
        predictor: name of a registered predictor, or a :class:`~archcast.Predictor`; it must have a std unless the acquisition is
            ``"thompson"`` or ``"mean"``, and need no evidence.
        acquisition: ``"ei"``, ``"pi"``, ``"ucb"``, ``"its"``, ``"thompson"`` or ``"mean"``.
        n_startup_trials: random architectures to begin with.
        zero_cost: help from a score without training.
        seed: what is suggested depends on it, the number of the trial and the study, on nothing else. Workers may share it.
        more: further parameters of the strategy ``bayesian``, e.g. ``candidates``, ``n_candidates``, ``pool``.

    Examples:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(direction="maximize", sampler=PredictorSampler("nasbench201", "gp", seed=0))
        >>> study.optimize(lambda trial: int((suggest_arch(trial, "nasbench201") == 3).sum()), n_trials=20)
        >>> study.best_value >= 5
        True

    Raises:
        InvalidInputError: parameters that the strategy does not take.
    """

    def __init__(
        self,
        space: str | SearchSpace,
        predictor: str | Predictor = "gp",
        *,
        acquisition: str = "ei",
        n_startup_trials: int = 10,
        zero_cost: ZeroCost | None = None,
        seed: int | None = None,
        **more: Any,
    ) -> None:
        self.space = get_space(space)
        self.seed = None if seed is None else whole("seed", seed, 0)
        self._params = {
            "predictor": predictor,
            "acquisition": acquisition,
            "n_init": whole("n_startup_trials", n_startup_trials, 1),
            "zero_cost": zero_cost,
            "batch": "fantasies",
            **more,
        }
        self._others = RandomSampler(self.seed)
        get_strategy("bayesian", self.space, **self._params)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every column of the space."""
        return cast("dict[str, BaseDistribution]", distributions(self.space))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of all columns.

        Raises:
            InvalidInputError: the study has several objectives, or some but not all columns of the trial are fixed.
            ArchcastError: every architecture has been suggested.
        """
        if len(study.directions) > 1:
            raise InvalidInputError("PredictorSampler takes one objective, the study has several.")
        given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        given = {name: given[name] for name in self.space.columns if name in given}
        if len(given) == len(self.space.columns):
            return given
        if given:
            raise InvalidInputError(
                f"trial {trial.number} was enqueued with some columns of space {self.space.name!r}. Enqueue all of them."
            )
        for attempt in range(ATTEMPTS):
            row = self._choose(study, trial, attempt)
            chosen = dict(zip(self.space.columns, row.tolist(), strict=True))
            # Written before the others are read: of two workers with twins at least one sees the other's.
            study._storage.set_trial_system_attr(trial._trial_id, CLAIM, chosen)
            _, others = self._known(study, trial)
            if not (self.space.canonical(others) == self.space.canonical(row)).all(axis=1).any():
                return chosen
        raise ArchcastError(f"Trial {trial.number}: other workers chose the same architecture {ATTEMPTS} times.")

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Parameters that are no column of the space, at random."""
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Of the generator for other parameters; architectures need none, their seed is the number of the trial."""
        self._others.reseed_rng()

    def _choose(self, study: Study, trial: FrozenTrial, attempt: int) -> Row:
        """A new row, from what the study knows now."""
        entropy = None if self.seed is None else [self.seed, trial.number, attempt]
        state = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)
        strategy = get_strategy("bayesian", self.space, random_state=state, **self._params)
        trials, rows = self._known(study, trial)
        sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        running = np.array([not other.state.is_finished() for other in trials], dtype=bool)
        scores = np.array([sign * _value(other) for other in trials], dtype=float)
        strategy.tell(rows[~running], scores[~running])
        strategy.expect(rows[running])
        found = strategy.ask(1)
        if len(found) == 0:
            raise ArchcastError(
                f"Every architecture of space {self.space.name!r}, or of the pool, has been suggested: the study is complete."
            )
        return np.asarray(found[0])

    def _known(self, study: Study, trial: FrozenTrial) -> tuple[list[FrozenTrial], Row]:
        """All other trials that have an architecture, by number, and their rows ``(n, d)``."""
        trials, rows = [], []
        for other in study._storage.get_all_trials(study._study_id, deepcopy=False):
            if other.number != trial.number and (row := _row(other, self.space)) is not None:
                trials.append(other)
                rows.append(row)
        return trials, np.array(rows, dtype=np.int64).reshape(-1, len(self.space.columns))


class CurvePruner(BasePruner):
    """Stops a trial when its learning curve leaves little hope: ``P(predicted final value > best so far) < threshold``.

    The curve is what ``trial.report`` was given, in the order of the steps; it needs the same number of reports, evenly spaced,
    in every trial. The curves of complete trials show the predictor what such curves gain, and the best of their last
    values is the best so far. Where the study minimises, the signal must be a falling one (loss, error).

    Args:
        space: search space.
        predictor: ``"lc-increment"``, ``"lc-pfn"``, or a predictor with ``forecast``.
        threshold: the probability below which a trial is stopped. The best trial of all is lost at most about that often, if
            the forecasts are calibrated and each trial is looked at once; every further look adds to it.
        signal: what is reported; ``val_accuracy`` by default, or ``val_loss`` where the study minimises.
        total_reports: of a complete trial; by default those of the longest complete trial.
        n_startup_trials: complete trials before any is stopped.
        n_warmup_steps: reports of a trial before it may be stopped; at least what the predictor needs.
        interval_steps: reports from one look to the next.

    Examples:
        >>> import optuna
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
        if not 0 < threshold < 1:
            raise InvalidInputError(f"threshold must be between 0 and 1, got {threshold!r}.")
        self.threshold = threshold
        self.signal = signal
        self.total_reports = None if total_reports is None else whole("total_reports", total_reports, 2)
        self.n_startup_trials = whole("n_startup_trials", n_startup_trials, 1)
        self.n_warmup_steps = whole("n_warmup_steps", n_warmup_steps, 0)
        self.interval_steps = whole("interval_steps", interval_steps, 1)
        self.predictor = predictor
        self._predictor("val_accuracy" if signal is None else signal, None)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether to stop a trial, from what it and the complete ones have reported."""
        maximizes = study.direction == StudyDirection.MAXIMIZE
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        done = [other for other in done if other.intermediate_values]
        if len(done) < self.n_startup_trials:
            return False
        total = self.total_reports or max(len(other.intermediate_values) for other in done)
        done = [other for other in done if len(other.intermediate_values) == total]
        curve, complete = _curve(trial), np.array([_curve(other) for other in done]).reshape(len(done), -1)
        complete = complete[np.isfinite(complete).all(axis=1)]
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

    def _predictor(self, signal: str, total: int | None) -> CurveForecaster:
        """A new predictor of a signal."""
        from sklearn.base import clone

        named = isinstance(self.predictor, str)
        made: Any = get_predictor(str(self.predictor), self.space) if named else clone(cast("Any", self.predictor))
        if not isinstance(made, CurveForecaster) or made.learns_from_labels:
            raise InvalidInputError(
                f"predictor {self.predictor!r} forecasts no learning curves. Use 'lc-increment' or 'lc-pfn'."
            )
        if named:
            made.set_params(signal=signal, random_state=0)
        return made if total is None else cast("CurveForecaster", made.set_params(total_epochs=max(total, made.epochs)))


def requeue_lost(study: Study, *, older_than: float = 0.0) -> list[int]:
    """Give the architectures of lost trials to whoever comes next: trials that are running for ever because their worker died.

    Each is marked as failed and its parameters are enqueued again. Call it when no worker is running, or with an age that no
    training reaches: a worker that is alive after all could not report its result any more, and the architecture would be
    trained twice. Several may call it at once. (``optuna.storages.RDBStorage(url, heartbeat_interval=60,
    heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback())`` does the same by itself, on a database.)

    Args:
        study: the study.
        older_than: seconds since the trial was started.

    Returns:
        Numbers of the trials that were lost.
    """
    lost = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        start = trial.datetime_start
        if start is not None and datetime.now() - start < timedelta(seconds=older_than):
            continue
        try:
            study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:
            continue  # its worker is alive, or someone else marked it
        lost.append(trial.number)
        known = trial.system_attrs
        params = {**known.get("fixed_params", {}), **(known.get(CLAIM, {}) if trial.params else {}), **trial.params}
        if params:
            attrs = {"fixed_params": params, "failed_trial": trial.number}
            study.add_trial(create_trial(state=TrialState.WAITING, system_attrs=attrs))
    return lost


def _row(trial: FrozenTrial, space: SearchSpace) -> Row | None:
    """The row of a trial: its parameters, those it will get, or the one claimed for it, which is void if it ended before it had
    parameters; ``None`` if there is none, or it is not in the space."""
    known = trial.system_attrs
    claimed = {} if trial.state.is_finished() and not trial.params else known.get(CLAIM, {})
    params = {**claimed, **known.get("fixed_params", {}), **trial.params}
    if any(name not in params for name in space.columns):
        return None
    try:
        return np.asarray(space.validate([params[name] for name in space.columns])[0])
    except InvalidInputError:
        return None


def _value(trial: FrozenTrial) -> float:
    """Final value of a trial, or what stands for it; NaN if there is none."""
    value: float | None = None
    if trial.state == TrialState.COMPLETE:
        value = trial.value
    elif trial.state == TrialState.PRUNED:
        last = trial.last_step
        value = trial.system_attrs.get(FORECAST, None if last is None else trial.intermediate_values[last])
    return float(value) if value is not None and math.isfinite(value) else math.nan


def _curve(trial: FrozenTrial) -> NDArray[np.float64]:
    """Reported values in the order of their steps."""
    return np.array([value for _, value in sorted(trial.intermediate_values.items())], dtype=float)

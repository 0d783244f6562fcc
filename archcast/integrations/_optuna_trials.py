"""What an Optuna study holds of architectures: the parameters, the row, the value and the claim of each trial."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import BaseTrial, FrozenTrial, Trial, TrialState, create_trial

from archcast.checks import instance, real
from archcast.errors import InvalidInputError, short
from archcast.spaces.base import SearchSpace, get_space

__all__ = [
    "CLAIM",
    "FORECAST",
    "Row",
    "arch_of",
    "distributions",
    "params_of",
    "requeue_lost",
    "row_of",
    "suggest_arch",
    "value_of",
]

CLAIM = "archcast:arch"
"""System attribute of a trial: what the sampler chose, written before the parameters are."""
FORECAST = "archcast:forecast"
"""System attribute of a pruned trial: the final value that was predicted for it."""

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
    if not isinstance(trial, BaseTrial):
        raise InvalidInputError(f"trial must be a trial of Optuna, got {short(trial)}.")
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
    if not isinstance(trial, BaseTrial):
        raise InvalidInputError(f"trial must be a trial of Optuna, got {short(trial)}.")
    missing = [name for name in space.columns if name not in trial.params]
    if missing:
        raise InvalidInputError(
            f"trial {trial.number} has no parameter {missing[0]!r}, a column of space {space.name!r}. "
            f"Let the objective call suggest_arch(trial, space)."
        )
    return np.asarray(space.validate([trial.params[name] for name in space.columns])[0])


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
    instance("study", study, Study, "an optuna.Study")
    real("older_than", older_than, 0.0)
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


def row_of(trial: FrozenTrial, space: SearchSpace) -> Row | None:
    """The row of a trial: its parameters, those it will get, or the one claimed for it, which is void if it ended before it had
    parameters; ``None`` if there is none, or it is not in the space."""
    params = params_of(trial)
    if any(name not in params for name in space.columns):
        return None
    try:
        return np.asarray(space.validate([params[name] for name in space.columns])[0])
    except InvalidInputError:
        return None


def params_of(trial: FrozenTrial) -> dict[str, Any]:
    """Parameters of a trial, those it will get, and those claimed for it."""
    known = trial.system_attrs
    claimed = {} if trial.state.is_finished() and not trial.params else known.get(CLAIM, {})
    return {**claimed, **known.get("fixed_params", {}), **trial.params}


def value_of(trial: FrozenTrial) -> float:
    """Final value of a trial, or what stands for it; NaN if there is none."""
    value: float | None = None
    if trial.state == TrialState.COMPLETE:
        value = trial.value
    elif trial.state == TrialState.PRUNED:
        last = trial.last_step
        value = trial.system_attrs.get(FORECAST, None if last is None else trial.intermediate_values[last])
    return float(value) if value is not None and math.isfinite(value) else math.nan

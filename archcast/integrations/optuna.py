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
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast.checks import seed_of, whole
from archcast.errors import ArchcastError, InvalidInputError, require
from archcast.evidence import Evidence
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.gaussian_process.gp import KernelPredictor
from archcast.predictors.regression import FeatureRegressor
from archcast.predictors.targets import rank_normal
from archcast.search.acquisition import acquire
from archcast.search.base import Strategy, ZeroCost, get_strategy
from archcast.search.strategies.bayesian import Bayesian
from archcast.spaces.base import SearchSpace, get_space

try:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler, TPESampler
    from optuna.search_space import intersection_search_space
    from optuna.study import Study, StudyDirection
    from optuna.trial import FrozenTrial, TrialState

    from archcast.integrations._beside import Beside
    from archcast.integrations._optuna_pruner import CurvePruner
    from archcast.integrations._optuna_trials import (
        CLAIM,
        Row,
        arch_of,
        distributions,
        params_of,
        requeue_lost,
        row_of,
        suggest_arch,
        value_of,
    )
except ImportError:
    require("optuna", extra="optuna", feature="archcast.integrations.optuna")
    raise

__all__ = ["CurvePruner", "PredictorSampler", "arch_of", "distributions", "requeue_lost", "suggest_arch"]

NEW, PARENTS, DRAWS = 50, 10, 20
"""Where there are other parameters: new architectures to consider, known ones, and values for each of them."""
ATTEMPTS = 50
"""How often a row is chosen anew because another worker chose the same at the same time."""

Told = tuple[Row, dict[str, Any], float, bool]
"""Row, other parameters, score (higher is better, NaN if there is none), whether it is running."""


class PredictorSampler(BaseSampler):
    """Bayesian optimisation with any predictor: the strategy ``bayesian``, fitted to the study's trials.

    - Rows that are not in the space are never suggested, nor the twins (other rows of the same function) of an architecture
      that any trial has or had: complete, pruned, failed, running or enqueued, of this worker or another. With other parameters
      beside the architecture, an architecture may be suggested again with other values of these.
    - Two workers that choose at the same time cannot choose the same: each writes its choice to the storage, then reads those of
      all others, and who finds a twin chooses again.
    - Running trials count as if they had the score predicted for them, so that parallel workers spread.
    - Pruned trials count with the final value that :class:`CurvePruner` predicted, else with their last value.
    - Failed trials teach nothing.
    - Other parameters of the objective, say a learning rate, are modelled together with the architecture, as evidence, where
      the predictor learns from evidence (``gp``, ``bayesian-linear``, forests, boosted trees) and a complete trial has shown what
      they are. The rest, such as parameters that not every trial has, are chosen by Optuna's ``TPESampler``.

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
        self.seed = None if seed is None else seed_of("seed", seed)
        self._params = {
            "predictor": predictor,
            "acquisition": acquisition,
            "n_init": whole("n_startup_trials", n_startup_trials, 1),
            "zero_cost": zero_cost,
            "batch": "fantasies",
            **more,
        }
        small = None if self.seed is None else self.seed % 2**32  # numpy's older generators take no more
        self._others = TPESampler(seed=small)
        strategy = cast("Bayesian", get_strategy("bayesian", self.space, **self._params))
        self._acquisition, self._kappa = strategy.acquisition, strategy.kappa
        self._model = get_predictor(predictor, self.space) if isinstance(predictor, str) else predictor

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every column of the space, and the other parameters that all complete trials have."""
        columns = cast("dict[str, BaseDistribution]", distributions(self.space))
        if not isinstance(self._model, (KernelPredictor, FeatureRegressor)):
            return columns
        found = intersection_search_space(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
        return columns | {name: d for name, d in found.items() if name not in columns and not d.single()}

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
        beside = Beside({name: d for name, d in search_space.items() if name not in self.space.columns})
        given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        fixed = {name: given[name] for name in self.space.columns if name in given}
        if fixed and len(fixed) < len(self.space.columns):
            raise InvalidInputError(
                f"trial {trial.number} was enqueued with some columns of space {self.space.name!r}. Enqueue all of them."
            )
        arch = np.array([fixed[name] for name in self.space.columns], dtype=np.int64) if fixed else None
        asked = {name: given[name] for name in beside.distributions if name in given}
        if arch is not None and len(asked) == len(beside.distributions):
            return {**fixed, **asked}
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng(None if self.seed is None else [self.seed, trial.number, attempt])
            if beside:
                row, values = self._choose_both(study, trial, rng, beside, arch, asked)
            else:
                row, values = self._choose(study, trial, rng), {}
            chosen = dict(zip(self.space.columns, row.tolist(), strict=True)) | values
            # Written before the others are read: of two workers with twins at least one sees the other's.
            study._storage.set_trial_system_attr(trial._trial_id, CLAIM, chosen)
            if arch is not None or self._keys([row], [values])[0] not in self._taken(study, trial, beside):
                return chosen
        raise ArchcastError(f"Trial {trial.number}: other workers chose the same architecture {ATTEMPTS} times.")

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Parameters that are not modelled together with the architecture."""
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Of the generator for other parameters; architectures need none, their seed is the number of the trial."""
        self._others.reseed_rng()

    def _choose(self, study: Study, trial: FrozenTrial, rng: np.random.Generator) -> Row:
        """A new row, from what the study knows now."""
        strategy, trials, rows = self._strategy(rng), *self._known(study, trial)
        sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        running = np.array([not other.state.is_finished() for other in trials], dtype=bool)
        scores = np.array([sign * value_of(other) for other in trials], dtype=float)
        strategy.tell(rows[~running], scores[~running])
        strategy.expect(rows[running])
        found = strategy.ask(1)
        if len(found) == 0:
            raise ArchcastError(
                f"Every architecture of space {self.space.name!r}, or of the pool, has been suggested: the study is complete."
            )
        return np.asarray(found[0])

    def _choose_both(
        self,
        study: Study,
        trial: FrozenTrial,
        rng: np.random.Generator,
        beside: Beside,
        arch: Row | None,
        asked: dict[str, Any],
    ) -> tuple[Row, dict[str, Any]]:
        """A row and values of the other parameters, which no trial has together.

        Candidates are the new architectures that the strategy ``bayesian`` finds most promising and the best that are known, each
        with random values and with small changes of the values of good trials. The predictor, told these values as evidence, says
        which is worth most.

        Args:
            study, trial: of Optuna.
            rng: of all that is drawn.
            beside: the other parameters.
            arch: the row, if it is fixed.
            asked: values of the other parameters that are fixed.
        """
        sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        told = []
        for other, row in zip(*self._known(study, trial), strict=True):
            if (values := beside.of(params_of(other))) is not None:
                told.append((row, values, sign * value_of(other), not other.state.is_finished()))
        good = sorted((t for t in told if math.isfinite(t[2])), key=lambda t: -t[2])
        rows = [arch] if arch is not None else self._promising(good, [t for t in told if t[3]], rng)
        parents = [values for _, values, *_ in good[:PARENTS]]
        taken = set(self._keys([row for row, *_ in told], [values for _, values, *_ in told]))
        drawn = []
        for row in rows:
            for k in range(DRAWS):
                near = parents[rng.integers(len(parents))] if parents and k % 2 else None
                drawn.append((row, {**beside.draw(rng, near), **asked}))
        keys = self._keys([row for row, _ in drawn], [values for _, values in drawn])
        candidates = [pair for pair, key in zip(drawn, keys, strict=True) if arch is not None or key not in taken]
        if not candidates:
            raise ArchcastError("Every architecture has been suggested with every value of the other parameters.")
        if len(good) < max(cast("int", self._params["n_init"]), self._model.requires.min_archs):
            return candidates[rng.integers(len(candidates))]
        archs = np.array([row for row, _ in candidates])
        evidence = beside.evidence([values for _, values in candidates])
        return candidates[int(self._worth(archs, evidence, good, [t for t in told if t[3]], beside, rng).argmax())]

    def _promising(self, good: list[Told], running: list[Told], rng: np.random.Generator) -> list[Row]:
        """New rows that the strategy asks for, each function judged by the best score it had, and the best known rows."""
        best: dict[bytes, Told] = {}
        for told in good:
            best.setdefault(self.space.canonical(told[0]).tobytes(), told)
        strategy = self._strategy(rng, batch="top")
        if best:
            strategy.tell(np.array([told[0] for told in best.values()]), [told[2] for told in best.values()])
        if running:
            strategy.expect(np.array([told[0] for told in running]))
        return [*strategy.ask(NEW), *[told[0] for told in list(best.values())[:PARENTS]]]

    def _worth(
        self,
        archs: NDArray[np.int64],
        evidence: Evidence,
        good: list[Told],
        running: list[Told],
        beside: Beside,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Acquisition of each candidate; what is running counts as if it had the score predicted for it."""
        rows, values = np.array([told[0] for told in good]), [told[1] for told in good]
        scores = rank_normal(np.array([told[2] for told in good]))
        best = float(scores.max())
        if self._acquisition == "thompson":
            some = rng.integers(len(rows), size=len(rows))
            rows, values, scores = rows[some], [values[i] for i in some], scores[some]
        model = self._fit(rows, values, scores, beside, rng)
        if running:
            waiting, theirs = np.array([told[0] for told in running]), [told[1] for told in running]
            scores = np.concatenate([scores, model.query(waiting, beside.evidence(theirs)).mean])
            model = self._fit(np.concatenate([rows, waiting]), values + theirs, scores, beside, rng)
        prediction = model.query(archs, evidence)
        return acquire(self._acquisition, prediction.mean, prediction.std, best, kappa=self._kappa, rng=rng)

    def _fit(
        self,
        rows: NDArray[np.int64],
        values: list[dict[str, Any]],
        scores: NDArray[np.float64],
        beside: Beside,
        rng: np.random.Generator,
    ) -> Predictor:
        model: Predictor = clone(self._model).set_params(random_state=int(rng.integers(2**31)))
        return model.init(rows, scores, beside.evidence(values))

    def _strategy(self, rng: np.random.Generator, **changes: Any) -> Strategy:
        return get_strategy(
            "bayesian", self.space, random_state=int(rng.integers(2**62)), **{**self._params, **changes}
        )

    def _keys(self, rows: Sequence[Row], values: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
        """Equal for twins with equal values of the other parameters."""
        archs = np.array(rows, dtype=np.int64).reshape(-1, len(self.space.columns))
        texts = (sorted((name, repr(value)) for name, value in each.items()) for each in values)
        return [(row.tobytes(), *text) for row, text in zip(self.space.canonical(archs), texts, strict=True)]

    def _taken(self, study: Study, trial: FrozenTrial, beside: Beside) -> set[tuple[Any, ...]]:
        """Keys of all other trials."""
        pairs = zip(*self._known(study, trial), strict=True)
        found = [(row, values) for other, row in pairs if (values := beside.of(params_of(other))) is not None]
        return set(self._keys([row for row, _ in found], [values for _, values in found]))

    def _known(self, study: Study, trial: FrozenTrial) -> tuple[list[FrozenTrial], Row]:
        """All other trials that have an architecture, by number, and their rows ``(n, d)``."""
        trials, rows = [], []
        for other in study._storage.get_all_trials(study._study_id, deepcopy=False):
            if other.number != trial.number and (row := row_of(other, self.space)) is not None:
                trials.append(other)
                rows.append(row)
        return trials, np.array(rows, dtype=np.int64).reshape(-1, len(self.space.columns))

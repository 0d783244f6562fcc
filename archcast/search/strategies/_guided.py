"""Evolution that predictors guide, under a limit on what an architecture may cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast.checks import one_of, whole
from archcast.errors import InvalidInputError, short
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.targets import rank_normal
from archcast.search.base import Strategy
from archcast.search.checks import check_predictor_fits, number
from archcast.search.evolution import evolve
from archcast.spaces.base import SearchSpace

__all__ = ["COSTS", "Guided"]

COSTS = {
    "params": "parameters, as the space counts them",
    "macs": "multiply-accumulates, as the space counts them",
    "activations": "outputs of layers, as the space counts them",
    "told": "the second objective that is told, with its sign changed, as a predictor learns it",
}
"""Name -> meaning of the costs that can be limited."""

TRIES = 50
"""Most draws of random rows for some that keep the limit."""

Rows = NDArray[np.int64]


class Guided(Strategy):
    """For each batch a whole evolution, whose architectures are scored by a predictor; the best new ones are asked for.

    Args:
        space: search space.
        predictor: name of a registered predictor, or a :class:`~archcast.Predictor`: of the score. One that is initialised is used
            as it is, from the first architecture on; another learns from what was told.
        cost: a name of :data:`COSTS`, or an initialised :class:`~archcast.Predictor` of the cost (``mean``, lower is cheaper).
        limit: largest cost allowed; ``None`` for no limit.
        cost_predictor: like ``predictor``: of the cost, for ``cost="told"``.
        population, parents, mutants, generations, chance: see :func:`~archcast.search.evolution.evolve`.
        common: see :class:`~archcast.search.Strategy`.

    Raises:
        InvalidInputError: parameters out of range, a predictor that cannot say anything of an architecture alone, or a limit below
            the cost of every architecture that was drawn.
    """

    multi_objective = True

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        predictor: str | Predictor = "gp",
        cost: str | Predictor = "macs",
        limit: float | None = None,
        cost_predictor: str | Predictor = "gp",
        population: int = 100,
        parents: int = 25,
        mutants: int = 50,
        generations: int = 30,
        chance: float = 0.1,
        **common: Any,
    ) -> None:
        super().__init__(space, **common)
        self.predictor, self.cost_predictor = predictor, cost_predictor
        self._model, self._cost_model = self._made(predictor), self._made(cost_predictor)
        self.cost = cost if isinstance(cost, Predictor) else one_of("cost", cost, COSTS)
        if isinstance(cost, Predictor):
            check_predictor_fits(cost, self.space, std=False)
        self.limit = None if limit is None else number("limit", limit, -np.inf)
        self.population = whole("population", population, 2)
        self.parents = whole("parents", parents, 1)
        self.mutants = whole("mutants", mutants, 0)
        if self.mutants > self.population:
            raise InvalidInputError(f"mutants is {short(mutants)}, more than population, {population}.")
        self.generations = whole("generations", generations, 0)
        self.chance = number("chance", chance, 0, 1)
        self._costs_told: Predictor | None = None
        self.begins_at_random = not self._model.__sklearn_is_fitted__()

    def _made(self, predictor: str | Predictor) -> Predictor:
        made = get_predictor(predictor, self.space) if isinstance(predictor, str) else predictor
        check_predictor_fits(made, self.space, std=False)
        return made

    def _propose(self, n: int, rng: np.random.Generator) -> Rows:
        known = self.history[self.history.succeeded]
        if self.cost == "told" and known.scores.shape[1] < 2:
            raise InvalidInputError("cost='told' needs two objectives: the score, and the cost with its sign changed.")
        model = self._ready(self._model, known.archs, rank_normal(known.scores[:, 0]), rng)
        if model is None:
            return self._fresh(n, rng)
        if self.cost == "told":
            self._costs_told = self._ready(self._cost_model, known.archs, -known.scores[:, 1], rng)
        best = known.archs[np.argsort(-known.scores[:, 0], kind="stable")[: self.parents]]
        start = np.concatenate([best[self._allowed(best)], self._sample(self.population, rng)])
        rows = evolve(
            self.space,
            start,
            lambda rows: model.query(rows).mean,
            self._allowed,
            rng,
            population=self.population,
            parents=self.parents,
            mutants=self.mutants,
            generations=self.generations,
            chance=self.chance,
        )
        return self._unseen(rows)[:n]

    @staticmethod
    def _ready(
        model: Predictor, archs: Rows, scores: NDArray[np.float64], rng: np.random.Generator
    ) -> Predictor | None:
        """The predictor, initialised; ``None`` while there is too little to learn from."""
        if model.__sklearn_is_fitted__():
            return model
        if len(archs) < model.requires.min_archs:
            return None
        made: Predictor = clone(model).set_params(random_state=int(rng.integers(2**31)))
        return made.init(archs, scores) if model.requires.labels else made.init()

    def _cost_of(self, rows: Rows) -> NDArray[np.float64] | None:
        """``(n,)`` costs; ``None`` where nothing is known of them yet."""
        if isinstance(self.cost, Predictor):
            return self.cost.query(rows).mean
        if self.cost == "told":
            return None if self._costs_told is None else self._costs_told.query(rows).mean
        return np.asarray(self.space.costs(rows)[self.cost], dtype=np.float64)

    def _allowed(self, rows: Rows) -> NDArray[np.bool_]:
        """``(n,)`` whether each row keeps the limit."""
        costs = self._cost_of(rows) if len(rows) else None
        everything = np.ones(len(rows), dtype=bool)
        return everything if self.limit is None or costs is None else np.asarray(costs <= self.limit)

    def _sample(self, n: int, rng: np.random.Generator) -> Rows:
        """Random rows that keep the limit."""
        found = self.space.sample(0, rng)
        for _ in range(TRIES):
            rows = super()._sample(n, rng)
            found = np.concatenate([found, rows[self._allowed(rows)]])
            if len(found) >= n:
                break
        if n and len(found) == 0:
            raise InvalidInputError(
                f"limit is {self.limit:g}, less than the cost of each of {TRIES * n} random architectures. Use a larger limit."
            )
        return found[:n]

"""Weight sharing as a search: evolution over the paths of a supernet, then the best of them are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast.checks import mapping, whole
from archcast.errors import InvalidInputError, short
from archcast.names import PREDICTORS, get_predictor
from archcast.predictors.one_shot._predictor import OneShotPredictor
from archcast.search.base import Strategy, register
from archcast.search.checks import check_predictor_fits
from archcast.spaces.base import SearchSpace

__all__ = ["OneShotSearch"]

Rows = NDArray[np.int64]


@register(
    "one-shot",
    summary="train a supernet once, evolve its paths by their inherited weights, ask for the best",
    paper="Guo et al. 2020, https://arxiv.org/abs/1904.00420; Chen et al. 2019, https://arxiv.org/abs/1903.10979",
    uses_predictor=True,
)
class OneShotSearch(Strategy):
    """Single-path one-shot search (SPOS, Guo et al. 2020, https://arxiv.org/abs/1904.00420; DetNAS, Chen et al. 2019,
    https://arxiv.org/abs/1903.10979), around any one-shot predictor.

    At the first ask the predictor trains its supernet. Then an evolution runs over paths, which costs no training: of all paths
    scored so far, the ``parents`` best are kept; half of the next ``population`` paths are crossovers of two of them (each
    decision from one or the other), half are mutations of one. What is asked for are the best paths found, best first; when they
    are used up, the evolution goes on for another round of ``generations``. Nothing that is told changes the order.

    Departures: a mutation makes as many single changes as a binomial draw over the decisions says, at least one, where the
    papers redraw each decision with that probability; this keeps conditional rows valid. There is no limit on costs. The
    first architectures are not random: ``n_init`` counts only where a zero-cost score chooses the first ones.

    Args:
        space: a search space with a supernet.
        predictor: name of a one-shot predictor, or a :class:`~archcast.Predictor`; one that has been initialised is taken as it
            is.
        settings: parameters of a predictor that is given by its name, such as ``dataset`` and ``epochs``.
        population: paths scored in each generation.
        generations: rounds of the evolution, the random one at the start among them.
        parents: best paths that make the next generation.
        mutation: chance that a decision is changed, in those paths that are mutations.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> small = {"task": archcast.Task(width=4, depth=1, stages=1), "epochs": 1, "paths": 1}
        >>> strategy = archcast.get_strategy("one-shot", "nasbench201", settings=small, population=9, generations=2)
        >>> strategy.ask(3).shape
        (3, 6)

    Raises:
        InvalidInputError: a predictor of another family or space, or settings for one that is made already.
    """

    learns = False
    begins_at_random = False
    trains_weights = True

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        predictor: str | OneShotPredictor = "one-shot",
        settings: Mapping[str, Any] | None = None,
        population: int = 50,
        generations: int = 20,
        parents: int = 10,
        mutation: float = 0.1,
        **common: Any,
    ) -> None:
        super().__init__(space, **common)
        self.predictor, self.settings = (
            predictor,
            None if settings is None else mapping("settings", settings, "parameters to values"),
        )
        self.population = whole("population", population, 2)
        self.generations = whole("generations", generations, 1)
        self.parents = whole("parents", parents, 1)
        if isinstance(mutation, bool) or not isinstance(mutation, (int, float)) or not 0 < mutation <= 1:
            raise InvalidInputError(f"mutation must be above 0 and at most 1, got {short(mutation)}.")
        self.mutation = float(mutation)
        if not isinstance(predictor, str) and settings is not None:
            raise InvalidInputError("settings go with the name of a predictor; this one is made already.")
        model: Any = predictor
        if isinstance(predictor, str):
            try:
                model = get_predictor(predictor, self.space, **(self.settings or {}))
            except InvalidInputError as error:
                raise InvalidInputError(f"settings: {error}" if self.settings else str(error)) from error
        check_predictor_fits(model, self.space, std=False)
        if not isinstance(model, OneShotPredictor):
            name = PREDICTORS.name_of(type(model))
            raise InvalidInputError(
                f"predictor {name!r} shares no weights: use one of {', '.join(PREDICTORS.names('one-shot*'))}."
            )
        model.check_space()
        self._template = model
        self._given = hasattr(model, "weights_")
        self._trained: OneShotPredictor | None = model if self._given else None
        self._archive: Rows = self.space.sample(0, 0)
        self._found: NDArray[np.float64] = np.zeros(0)

    # -- the supernet ---------------------------------------------------------------------------------------------------

    @property
    def supernet(self) -> OneShotPredictor:
        """The predictor that scores paths; the first use trains it."""
        if self._trained is None:
            seed = int(np.random.default_rng([self._seed, 1]).integers(2**31))
            model: OneShotPredictor = clone(self._template).set_params(random_state=seed)
            self._trained = model.init()
        return self._trained

    # -- the evolution --------------------------------------------------------------------------------------------------

    def _propose(self, n: int, rng: np.random.Generator) -> Rows:
        for _ in range(2):
            order = np.argsort(-self._found, kind="stable")
            rows = self._unseen(self._archive[order])
            if len(rows) >= n:
                break
            self._evolve(rng)
        else:
            rows = self._unseen(self._archive[np.argsort(-self._found, kind="stable")])
        return rows

    def _evolve(self, rng: np.random.Generator) -> None:
        """Some generations more; what they score is added to the archive."""
        for _ in range(self.generations):
            best = self._archive[np.argsort(-self._found, kind="stable")[: self.parents]]
            rows = self._new(self._children(best, rng) if len(best) else self._sample(self.population, rng))
            if len(rows) < self.population:
                rows = self._new(np.concatenate([rows, self._sample(4 * self.population, rng)]))
            rows = rows[: self.population]
            if len(rows) == 0:
                return
            self._found = np.concatenate([self._found, self.supernet.query(rows).mean])
            self._archive = np.concatenate([self._archive, rows])

    def _children(self, best: Rows, rng: np.random.Generator) -> Rows:
        """Crossovers and mutations, alternating, of the best paths."""
        half = self.population
        one, other = best[rng.integers(len(best), size=(2, half))]
        crossed = np.where(rng.random(one.shape) < 0.5, one, other)
        crossed = crossed[self.space.is_valid(crossed)]
        changed = best[rng.integers(len(best), size=half)]
        changes = np.maximum(rng.binomial(changed.shape[1], self.mutation, size=half), 1)
        for k in range(int(changes.max())):
            some = changes > k
            changed[some] = self.space.mutate(changed[some], rng)
        crossed, changed = self._new(crossed)[: half // 2], self._new(changed)
        return np.concatenate([crossed, changed[: half - len(crossed)]])

    def _new(self, rows: Rows) -> Rows:
        """The rows that are no function of the archive, no function twice and, where there is a pool, members of it."""
        if len(rows) == 0:
            return rows
        keys, known = self._keys(rows), set(self._keys(self._archive))
        first: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            if key not in known and (self.pool is None or key in self._in_pool):
                first.setdefault(key, i)
        if self.pool is not None:
            return self.pool[[self._in_pool[key] for key in first]]
        return rows[list(first.values())]

    # -- files ----------------------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        trained = None if self._given else self._trained
        return {"trained": trained, "archive": self._archive, "found": self._found}

    def _restore(self, state: dict[str, Any]) -> None:
        self._archive, self._found = state["archive"], state["found"]
        if state["trained"] is not None:
            self._trained = state["trained"]

"""Bayesian optimisation with any predictor: fit it to what was told, ask for the candidates that it finds most worth training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast.checks import listed, one_of, whole
from archcast.errors import InvalidInputError, short
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.targets import rank_normal
from archcast.search.acquisition import (
    ACQUISITIONS,
    acquire,
    diverse,
    independent_thompson,
)
from archcast.search.base import Strategy, register
from archcast.search.candidates import SOURCES, mutants
from archcast.search.checks import check_predictor_fits, number
from archcast.spaces.base import SearchSpace

__all__ = ["BATCHES", "TARGETS", "Bayesian"]

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

BATCHES = {
    "diverse": "good candidates that differ from each other; with its and thompson, the best of a new draw each",
    "top": "the highest, however alike; with its, the highest of one draw",
    "fantasies": "one after the other, each told to the predictor with the score predicted for it",
}
"""Name -> meaning of the ways to choose several candidates at once."""

TARGETS = {
    "ranks": "normal quantiles of the ranks of the scores",
    "scores": "the scores as they were told",
}
"""Name -> meaning of what the predictor learns."""


@register(
    "bayesian",
    summary="Bayesian optimisation with any predictor that has a std",
    paper="White et al. 2019, https://arxiv.org/abs/1910.11858",
    default=True,
    uses_predictor=True,
)
class Bayesian(Strategy):
    """Bayesian optimisation.

    Each ask fits the predictor to the history, predicts mean and std of the candidates, and takes those with the highest
    acquisition. Scores enter as normal quantiles of their ranks: on their own scale the long tail of broken networks would
    make every std large beside the small differences at the top, and the search would explore for ever.

    Args:
        space: search space.
        predictor: name of a registered predictor, or a :class:`~archcast.Predictor`; it must have a std unless the acquisition is
            ``"thompson"`` or ``"mean"``, and need no evidence.
        acquisition: ``"ei"`` (expected improvement), ``"pi"``, ``"ucb"``, ``"its"`` (independent Thompson sampling, which explores
            much where scores are noisy), ``"thompson"`` (on bootstrap samples) or ``"mean"``.
        candidates: ``"mutation"``, ``"random"``, several of them, or ``"all"``.
        n_candidates: how many, except for ``"all"``; shared equally by the sources.
        n_parents: how many of the best architectures are mutated.
        batch: ``"diverse"``, ``"top"`` or ``"fantasies"``, see :data:`BATCHES`; matters for more than one architecture at a time.
        kappa: weight of the std for ``"ucb"``.
        continues: probability that a mutation is followed by one more; 0 changes one decision of a parent.
        targets: ``"ranks"`` or ``"scores"``, see :data:`TARGETS`.
        n_learnt: most scores that an ask learns from. Of more, it learns from the best half of so many, and from
            others taken evenly down the ranking: the time of an ask, which grows with the cube of the scores for a
            Gaussian process, stays bounded.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("bayesian", "nasbench201", predictor="gp", random_state=0)
        >>> for _ in range(4):
        ...     archs = strategy.ask(10)
        ...     strategy.tell(archs, (archs == 3).sum(axis=1))     # stands in for training
        >>> strategy.best.score >= 5
        True
    """

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        predictor: str | Predictor = "gp",
        acquisition: str = "ei",
        candidates: str | Sequence[str] = ("mutation", "random"),
        n_candidates: int = 1000,
        n_parents: int = 10,
        batch: str = "diverse",
        kappa: float = 0.5,
        continues: float = 0.5,
        targets: str = "ranks",
        n_learnt: int = 2000,
        **common: Any,
    ) -> None:
        super().__init__(space, **common)
        self.predictor = predictor
        self.acquisition = one_of("acquisition", acquisition, ACQUISITIONS)
        sources = (candidates,) if isinstance(candidates, str) else tuple(listed("candidates", candidates, "names"))
        self.candidates = tuple(one_of("candidates", source, SOURCES) for source in sources)
        if not sources or ("all" in sources and len(sources) > 1):
            raise InvalidInputError(
                f"candidates must be 'all' or some of 'mutation', 'random', got {short(candidates)}."
            )
        if "all" in sources and self.pool is None:
            self.space.enumerate()
        self.n_candidates = whole("n_candidates", n_candidates, 1)
        self.n_parents = whole("n_parents", n_parents, 1)
        self.batch = one_of("batch", batch, BATCHES)
        self.kappa = number("kappa", kappa, -math.inf)
        self.continues = number("continues", continues, 0, 1, below=True)
        self.targets = one_of("targets", targets, TARGETS)
        self.n_learnt = whole("n_learnt", n_learnt, 2)
        self._model = get_predictor(predictor, self.space) if isinstance(predictor, str) else predictor
        check_predictor_fits(self._model, self.space, std=self.acquisition not in ("thompson", "mean"))

    def _propose(self, n: int, rng: np.random.Generator) -> Rows:
        known = self.history[self.history.succeeded]
        return self._choose(n, known.archs, self._targets(known.scores[:, 0]), rng)

    def _learnt(self, scores: Floats) -> NDArray[np.int64]:
        """Numbers of the scores that an ask learns from, in the order in which they were told."""
        if len(scores) <= self.n_learnt:
            return np.arange(len(scores))
        best_first = np.argsort(-scores, kind="stable")
        half = self.n_learnt // 2
        evenly = np.linspace(half, len(scores) - 1, self.n_learnt - half).round().astype(np.int64)
        return np.sort(best_first[np.concatenate([np.arange(half), evenly])])

    def _targets(self, scores: Floats) -> Floats:
        """What the predictor learns of these scores."""
        return rank_normal(scores) if self.targets == "ranks" else scores

    def _choose(self, n: int, archs: Rows, scores: Floats, rng: np.random.Generator) -> Rows:
        """The ``n`` candidates most worth training, given rows and what the predictor learns of their scores."""
        if len(scores) < self._model.requires.min_archs:
            return self._fresh(n, rng)
        some = self._learnt(scores)
        archs, scores = archs[some], scores[some]
        rows = self._candidates(archs, scores, rng)
        if len(rows) <= 1:
            return rows
        pick = self._by_fantasies if self.batch == "fantasies" else self._at_once
        return rows[pick(min(n, len(rows)), archs, scores, rows, rng)]

    def _candidates(self, archs: Rows, scores: Floats, rng: np.random.Generator) -> Rows:
        """New rows from the sources."""
        if self.candidates == ("all",):
            return self._all_unseen()
        share = -(-self.n_candidates // len(self.candidates))
        best = archs[np.argsort(-scores, kind="stable")[: self.n_parents]]
        parts = [
            mutants(self.space, best, share, rng, continues=self.continues)
            if source == "mutation"
            else self._sample(share, rng)
            for source in self.candidates
        ]
        return self._unseen(np.concatenate(parts))

    def _at_once(self, n: int, archs: Rows, scores: Floats, rows: Rows, rng: np.random.Generator) -> NDArray[np.int64]:
        """Numbers of ``n`` candidates, from one fit; from one a pick for Thompson sampling."""
        if self.acquisition not in ("its", "thompson"):
            values = self._values(self._fit(archs, scores, rng), rows, float(scores.max()), rng)
            if self.batch == "top":
                return np.argsort(-values, kind="stable")[:n]
            return diverse(values, lambda i: (rows != rows[i]).sum(axis=1).astype(float), n)
        picked: list[int] = []
        model = self._fit(archs, scores, rng) if self.acquisition == "its" else None
        prediction = None if model is None else model.query(rows)
        if prediction is not None and prediction.std is not None and self.batch == "top":
            return np.argsort(-independent_thompson(prediction.mean, prediction.std, rng), kind="stable")[:n]
        for _ in range(n):
            if prediction is not None and prediction.std is not None:
                values = independent_thompson(prediction.mean, prediction.std, rng)
            else:
                some = rng.integers(len(archs), size=len(archs))
                values = self._fit(archs[some], scores[some], rng).query(rows).mean
            values[picked] = -np.inf
            picked.append(int(values.argmax()))
        return np.array(picked, dtype=np.int64)

    def _by_fantasies(
        self, n: int, archs: Rows, scores: Floats, rows: Rows, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Numbers of ``n`` candidates; what is picked or pending counts as trained, with the score predicted for it (the
        kriging believer of Ginsbourger et al. 2010)."""
        best = float(scores.max())
        picked: list[int] = []
        model = self._fit(archs, scores, rng)
        if len(waiting := self.pending):
            archs, scores = np.concatenate([archs, waiting]), np.concatenate([scores, model.query(waiting).mean])
            model = self._fit(archs, scores, rng)
        for k in range(n):
            values = self._values(model, rows, best, rng)
            values[picked] = -np.inf
            i = int(values.argmax())
            picked.append(i)
            if k < n - 1:
                archs = np.concatenate([archs, rows[[i]]])
                scores = np.concatenate([scores, model.query(rows[[i]]).mean])
                model = self._fit(archs, scores, rng)
        return np.array(picked, dtype=np.int64)

    def _fit(self, archs: Rows, scores: Floats, rng: np.random.Generator) -> Predictor:
        """A new predictor; its seed is drawn."""
        model: Predictor = clone(self._model).set_params(random_state=int(rng.integers(2**31)))
        return model.init(archs, scores)

    def _values(self, model: Predictor, rows: Rows, best: float, rng: np.random.Generator) -> Floats:
        """Acquisition of each row."""
        prediction = model.query(rows)
        return acquire(self.acquisition, prediction.mean, prediction.std, best, kappa=self.kappa, rng=rng)

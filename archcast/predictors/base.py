"""The contract of a predictor: *init* does any pre-computation, *query* predicts the performance of any architecture.

That is the field's own definition (White et al. 2021, https://arxiv.org/abs/2104.01177). A predictor is a scikit-learn regressor
over integer rows, so ``clone``, ``cross_val_score``, ``GridSearchCV`` and ``Pipeline`` work on it; ``fit`` is ``init`` and
``predict`` is ``query(...).mean``.

To add one, subclass :class:`Predictor`, write ``_init`` and ``_query``, and decorate the class with ``@register("my-predictor")``.
The base class validates, keeps the estimator as it was if anything fails, and handles saving;
``archcast.testing.check_predictor`` tells whether the contract is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from typing_extensions import Self

from archcast.checks import bounded, generator, numbers, real
from archcast.errors import ArchcastError, InvalidFileError, InvalidInputError, MissingEvidenceError, short
from archcast.evidence import Evidence, Pool, Source
from archcast.names import PREDICTORS, get_predictor
from archcast.predictors.parameters import Rule, check, rules_of
from archcast.predictors.persistence import COMPONENTS, read_state, write_state
from archcast.spaces.base import SearchSpace, get_space

__all__ = [
    "PREDICTORS",
    "Known",
    "NotInitializedError",
    "Prediction",
    "Predictor",
    "Requirements",
    "get_predictor",
    "register",
]

register = PREDICTORS.register

CHUNK = 8192
"""Rows that are queried at a time: what a predictor needs besides its answer does not grow with their number."""


class NotInitializedError(ArchcastError, NotFittedError):
    """``query`` was called before ``init``."""


@dataclass(frozen=True)
class Prediction:
    """Answer of a query.

    Attributes:
        mean: ``(n,)`` predicted scores, on the scale of the scores given to ``init``; higher is better. Predictors
            that learn ranks, which most do, answer with the score at the predicted rank: the median of what they expect, not the
            expectation, which ranks worse.
        std: ``(n,)`` standard deviations, or ``None`` where the predictor has none; ``mean +- 1.645 std`` is the 90 % interval.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        mean, std = numbers("mean", self.mean), None if self.std is None else numbers("std", self.std)
        if mean.ndim != 1 or (std is not None and std.shape != mean.shape):
            shapes = f"{mean.shape}" + ("" if std is None else f" and {std.shape}")
            raise InvalidInputError(f"mean and std must have shape (n,), one for each row, got {shapes}.")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)

    def interval(self, level: float = 0.9) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ends ``(n,)`` of the central interval that holds a score with this probability, of a normal distribution.

        Args:
            level: between 0 and 1.

        Raises:
            InvalidInputError: the predictor has no std, or the level is out of range.

        Examples:
            >>> low, high = Prediction(np.array([0.5]), np.array([0.1])).interval(0.9)
            >>> float(low[0].round(3)), float(high[0].round(3))
            (0.336, 0.664)
        """
        level = real("level", level, 0, 1, inside=True)
        if self.std is None:
            raise InvalidInputError("This prediction has no std, so it has no interval: use a predictor with has_std.")
        from scipy.special import ndtri

        width = float(ndtri((1 + level) / 2)) * self.std
        return self.mean - width, self.mean + width


@dataclass(frozen=True)
class Requirements:
    """What a predictor needs.

    Attributes:
        labels: scores of trained architectures at init; without them init needs no evidence either.
        min_archs: fewest architectures that ``init`` accepts.
        none: whether ``init`` also does with no architecture at all, and ranks by what is known beforehand.
        data: whether ``init`` trains on the images of a task, and learns nothing from scores.
        curve: name of the learning-curve signal needed at query, or ``None``.
        epochs: epochs of that curve, or of every curve that is used.
        proxies: names of proxies needed at query, and at init if it is given architectures.
        uses: kinds of evidence, ``"curves"`` or ``"proxies"``, of which it takes all there is, though it can do without.
    """

    labels: bool = True
    min_archs: int = 1
    none: bool = False
    data: bool = False
    curve: str | None = None
    epochs: int = 0
    proxies: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """All that a predictor may learn from, validated: what ``init`` hands to ``_init``.

    Attributes:
        archs: ``(n, d)`` rows.
        scores: ``(n,)``, higher is better; empty without labels.
        evidence: empty (falsy), or a row for each architecture.
        pool: unlabelled candidates, or ``None``.
        sources: rows of other tasks or spaces.
    """

    archs: NDArray[np.int64]
    scores: NDArray[np.float64]
    evidence: Evidence
    pool: Pool | None = None
    sources: tuple[Source, ...] = ()


class Predictor(RegressorMixin, BaseEstimator):
    """Base class of all predictors.

    Args:
        space: name of a search space, or a :class:`~archcast.spaces.SearchSpace`.
        random_state: seed, generator or ``None``, as in scikit-learn.

    Attributes:
        has_std: whether ``query`` returns standard deviations.
        learns_from_sources: whether ``init`` takes rows of other tasks, of the same space or one that lies in it.
        learns_from_other_spaces: whether they may also be of spaces that have no row in common with the predictor's.
        needs_graph: whether it reads cell graphs, which not every space has.
        parameters: rules for its parameters, by name, see :mod:`archcast.predictors.parameters`.
    """

    has_std: ClassVar[bool] = False
    learns_from_sources: ClassVar[bool] = False
    learns_from_other_spaces: ClassVar[bool] = False
    needs_graph: ClassVar[bool] = False
    parameters: ClassVar[Mapping[str, Rule]] = {}

    def __init__(self, space: str | SearchSpace, *, random_state: Any = None) -> None:
        self.space = space
        self.random_state = random_state

    # -- what a subclass writes ---------------------------------------------------------------------------------------

    @property
    def requires(self) -> Requirements:
        """What must be given to ``init`` and ``query``; it may depend on parameters. By default labels."""
        return Requirements()

    def _init(self, known: Known) -> None:
        """Learn from what is known, which is validated; set attributes that end in ``_``."""
        raise NotImplementedError

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        """Predict validated rows; there is at least one and there are at most ``CHUNK``."""
        raise NotImplementedError

    # -- the two verbs ------------------------------------------------------------------------------------------------

    def init(
        self,
        archs: ArrayLike | None = None,
        scores: ArrayLike | None = None,
        evidence: Evidence | None = None,
        *,
        pool: Pool | None = None,
        sources: Sequence[Source] | None = None,
    ) -> Self:
        """Do any pre-computation.

        Args:
            archs: ``(n, d)`` trained architectures.
            scores: ``(n,)`` their performance, higher is better.
            evidence: what else is known of them, aligned with ``archs``.
            pool: unlabelled candidates, for predictors that use them.
            sources: rows of other tasks, for predictors that learn from them.

        Returns:
            The predictor itself.

        Raises:
            InvalidInputError: wrong shapes or values; the predictor is left as it was.
            MissingEvidenceError: evidence that the predictor requires is not there.
        """
        space = self._space
        self._check_parameters()
        if self.needs_graph and not space.has_graph:
            raise InvalidInputError(
                f"{self._title} reads cell graphs, which space {space.name!r} does not have. Use a predictor that reads the "
                "decisions themselves, e.g. 'stack' or 'gp'."
            )
        needs = self.requires
        dispensable = not needs.labels or needs.none
        if archs is None and scores is None and dispensable:
            archs = np.zeros((0, len(space.cardinalities)), dtype=np.int64)
        if archs is None or (scores is None and needs.labels and len(archs) > 0):  # type: ignore[arg-type]
            raise InvalidInputError(f"{self._title} learns from labels: call init(archs, scores).")
        rows = space.validate(archs, allow_empty=dispensable)
        if needs.labels and len(rows) < needs.min_archs and not (needs.none and len(rows) == 0):
            raise InvalidInputError(
                f"{self._title} needs at least {needs.min_archs} architectures at init, got {len(rows)}."
            )
        values = _check_scores(scores, len(rows))
        known = self._check_evidence(evidence, len(rows), at_init=True)
        if pool is not None:
            if not isinstance(pool, Pool):
                raise InvalidInputError(f"pool must be an archcast.Pool, got {short(pool)}.")
            pool = Pool(space.validate(pool.archs, allow_empty=False), pool.evidence)
            if pool.evidence and len(pool.evidence) != len(pool.archs):
                raise InvalidInputError(
                    f"pool.evidence has {len(pool.evidence)} rows, pool.archs has {len(pool.archs)}."
                )
        others = self._check_sources(sources)
        with self._unchanged_on_error():
            for name in [name for name in vars(self) if name.endswith("_")]:
                delattr(self, name)
            self._init(Known(rows, values, known, pool, others))
            self.n_features_in_ = rows.shape[1]
        return self

    def query(self, archs: ArrayLike, evidence: Evidence | None = None) -> Prediction:
        """Predict the performance of any architectures.

        Args:
            archs: ``(n, d)`` rows, or one row ``(d,)``.
            evidence: what else is known of them, aligned with ``archs``.

        Raises:
            NotInitializedError: before ``init``.
            InvalidInputError: wrong shapes or values.
            MissingEvidenceError: evidence that the predictor requires is not there.
        """
        if not hasattr(self, "n_features_in_"):
            raise NotInitializedError(f"{self._title} is not initialised: call init(archs, scores) before query.")
        rows = self._space.validate(archs)
        known = self._check_evidence(evidence, len(rows))
        if len(rows) == 0:
            return Prediction(np.zeros(0), np.zeros(0) if self.has_std else None)
        chunks = [slice(start, start + CHUNK) for start in range(0, len(rows), CHUNK)]
        parts = [self._query(rows[chunk], known[chunk]) for chunk in chunks]
        mean = np.concatenate([np.asarray(part.mean, dtype=np.float64) for part in parts])
        std = [np.asarray(part.std, dtype=np.float64) for part in parts if part.std is not None]
        return Prediction(mean, np.concatenate(std) if std else None)

    # -- scikit-learn's names -----------------------------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, evidence: Evidence | None = None) -> Self:
        """Same as :meth:`init`."""
        return self.init(X, y, evidence)

    def predict(self, X: ArrayLike, return_std: bool = False, evidence: Evidence | None = None) -> Any:
        """``query(X).mean``, or ``(mean, std)`` with ``return_std``.

        Raises:
            InvalidInputError: ``return_std`` for a predictor without uncertainty.
        """
        prediction = self.query(X, evidence)
        if not return_std:
            return prediction.mean
        if prediction.std is None:
            raise InvalidInputError(f"{self._title} has no std. Use return_std=False or a predictor with uncertainty.")
        return prediction.mean, prediction.std

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    # -- files --------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write parameters and learned state to ``path``: arrays and JSON, never a pickle; whole or not at all.

        Raises:
            InvalidInputError: the learned state holds something that has no safe form, and the message names the attribute; or
                the folder does not exist.
        """
        write_state(path, "predictor", self, type(self).__name__)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a predictor that :meth:`save` wrote.

        Raises:
            InvalidFileError: not such a file.
            InvalidInputError: a file of another class.
            MissingDependencyError: the file needs an optional package.
        """
        predictor = read_state(path, "predictor")
        if not isinstance(predictor, Predictor):
            raise InvalidFileError(f"{str(path)!r} does not hold a predictor.")
        if not isinstance(predictor, cls):
            raise InvalidInputError(f"{str(path)!r} holds a {type(predictor).__name__}, not a {cls.__name__}.")
        return predictor

    # -- helpers for subclasses ---------------------------------------------------------------------------------------

    @property
    def _space(self) -> SearchSpace:
        return get_space(self.space)

    @property
    def _title(self) -> str:
        return type(self).__name__

    def _rng(self) -> np.random.Generator:
        """A generator from ``random_state``; the same seed gives the same stream, whatever ran before."""
        state = self.random_state
        if isinstance(state, np.random.Generator):
            return state
        if isinstance(state, np.random.RandomState):
            return np.random.default_rng(check_random_state(state).randint(2**31))
        return generator("random_state", state)

    @classmethod
    def _constructor(cls) -> Mapping[str, Parameter]:
        """Parameters of the constructor by their names."""
        return signature(cls.__init__).parameters

    def _check_parameters(self) -> None:
        """Every parameter against its rule; a subclass adds what concerns several of them."""
        if not isinstance(state := getattr(self, "random_state", None), np.random.RandomState):
            generator("random_state", state)
        known = self._constructor()
        check(self._title, self.get_params(deep=False), rules_of(type(self)), lambda name: known[name].default)

    def _check_evidence(self, evidence: Evidence | None, n: int, *, at_init: bool = False) -> Evidence:
        """The evidence, if it is of the right kind and length and holds what is required: proxies wherever there are
        architectures, a curve at query, and at init of a predictor that learns from labels.
        """
        if evidence is None:
            evidence = Evidence()
        if not isinstance(evidence, Evidence):
            raise InvalidInputError(f"evidence must be an archcast.Evidence, got {short(evidence)}.")
        if evidence and len(evidence) != n:
            raise InvalidInputError(f"evidence has {len(evidence)} rows, archs has {n}: they must be aligned.")
        needs = self._needs(at_init=at_init) if n else Requirements()
        for name in needs.proxies:
            if name not in evidence.proxies:
                raise MissingEvidenceError(
                    f"{self._title} needs evidence.proxies[{name!r}]. Compute it with archcast.score and pass "
                    f"evidence=archcast.Evidence(proxies={{{name!r}: values}})."
                )
        if needs.curve is not None and (needs.labels or not at_init):
            curve = evidence.curves.get(needs.curve)
            if curve is None or curve.shape[1] < needs.epochs:
                got = "none" if curve is None else f"{curve.shape[1]} epochs"
                raise MissingEvidenceError(
                    f"{self._title} needs {needs.epochs} epochs of evidence.curves[{needs.curve!r}], got {got}. "
                    f"Train the architectures that long and pass evidence=archcast.Evidence(curves=...)."
                )
        return evidence

    def _needs(self, *, at_init: bool) -> Requirements:
        """What must be given now: :attr:`requires`, unless the predictor can make some of it itself."""
        return self.requires

    def _check_sources(self, sources: Sequence[Source] | None) -> tuple[Source, ...]:
        """The sources, if the predictor learns from any."""
        if not isinstance(sources, (list, tuple, type(None))):
            raise InvalidInputError(f"sources must be a list of archcast.Source, got {short(sources)}.")
        others = tuple(sources or ())
        for number, source in enumerate(others):
            if not isinstance(source, Source):
                raise InvalidInputError(f"sources[{number}] must be an archcast.Source, got {type(source).__name__}.")
        if others and not self.learns_from_sources:
            raise InvalidInputError(f"{self._title} does not learn from other tasks: call init without sources.")
        return others

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        before = dict(self.__dict__)
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise


COMPONENTS["predictor"] = Predictor, PREDICTORS


def _check_scores(scores: ArrayLike | None, n: int) -> NDArray[np.float64]:
    if scores is None:
        return np.zeros(0)
    values = numbers("scores", scores)
    if values.shape != (n,):
        raise InvalidInputError(f"scores must have shape ({n},), one for each architecture, got {values.shape}.")
    if not np.isfinite(values).all():
        i = int(np.flatnonzero(~np.isfinite(values))[0])
        raise InvalidInputError(f"scores[{i}] is {values[i]}. Drop architectures whose training failed before init.")
    bounded("scores", values)
    return values

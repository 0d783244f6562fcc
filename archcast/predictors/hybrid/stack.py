"""`stack`: Gaussian processes and trees on what an architecture does, blended; the predictor to reach for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence, Pool
from archcast.predictors.base import Known, Prediction, Predictor, Requirements, register
from archcast.predictors.calibration import AS_IT_IS, Beliefs, Spread
from archcast.predictors.features import evidence_columns
from archcast.predictors.gaussian_process._additive import AdditiveGP
from archcast.predictors.gaussian_process._correlated import EXPECTED, MANY, Signal, correlations_of, heard, signals_of
from archcast.predictors.hybrid._inputs import (
    DOUBT_OTHERS,
    DOUBT_TRUSTED,
    PRIOR_SLOPE,
    UNCOUNTED_SLOPE,
    Hints,
    Inputs,
)
from archcast.predictors.hybrid._line import Line
from archcast.predictors.hybrid._process import ALONE_FROM, EXACT, Process
from archcast.predictors.hybrid._structure import FilledEvidence, Key, Measured, Structure, View, measured
from archcast.predictors.hybrid._transfer import Correlated, Inherited
from archcast.predictors.hybrid._trees import Boosting, Forest
from archcast.predictors.persistence import saved
from archcast.predictors.targets import TargetScale, targets_of
from archcast.spaces.base import SearchSpace

__all__ = ["Blend", "Stack"]

FEW = 5
"""With fewer architectures only the Gaussian process is fitted."""

LEAD, LEAD_DECISIONS, LEAD_HEARD = 20.0, 30.0, 150.0
"""The Gaussian processes start with ``1 + (LEAD / n) ** 2`` times the weight of the trees; in spaces without cell graphs with
``1 + LEAD_DECISIONS / n`` times it; with sources and few rows with ``1 + LEAD_HEARD / n``."""

SHARPNESS, HALF_SHARP = 2.0, 20.0
"""Weights fall with the power ``SHARPNESS * n / (n + HALF_SHARP)`` of the out-of-sample mean square error."""

BELIEFS = Beliefs(unseen=0.0, tail=1.5, half_tail=30.0, sure=0.0)
"""What is expected of the blend's errors before rows have been left out."""

UNSEEN = 3.0
"""Few scores do not tell their own scale: ``UNSEEN / n`` times the least variance of the training rows is added to that of every
score, which widens the narrowest intervals most."""

Array = NDArray[np.float64]


@saved("blend")
@dataclass(frozen=True, eq=False)
class Blend:
    """Weights of the members, and the scale of the uncertainty.

    Attributes:
        weights: ``(m,)``, sum 1.
        spread: how wide the standard deviation must be.
    """

    weights: Array
    spread: Spread = AS_IT_IS
    inflation: InitVar[float | None] = (
        None  # this and what follows in files of earlier versions, in place of the spread
    )
    tail: InitVar[float] = 0.0
    middle: InitVar[float] = 0.0
    best: InitVar[float] = 1.0

    def __post_init__(self, inflation: float | None, tail: float, middle: float, best: float) -> None:
        if inflation is not None:
            object.__setattr__(self, "spread", Spread(inflation, tail, middle, best))

    @classmethod
    def of(
        cls, outside: Array, variance: Array, targets: Array, lead: NDArray[np.bool_], ahead: float | None = None
    ) -> Blend:
        """Weigh the members by how well they predict rows that they have not seen, less sharply the fewer there are:

            w_i ~ prior_i * MSE_i ^ (-2 n / (n + 20)),    prior_i = 1 + (20 / n)^2 for Gaussian processes, 1 for trees

        How wide the uncertainty must be is learned from the same rows, see :class:`~archcast.predictors.calibration.Spread`.

        Args:
            outside: ``(m, n)`` out-of-sample predictions of the training rows.
            variance: ``(m, n)`` their variances; only those of leading members count.
            targets: ``(n,)``.
            lead: ``(m,)`` the Gaussian processes.
            ahead: their prior weight, if it is another.
        """
        n = len(targets)
        error = np.square(outside - targets).mean(axis=1) + 1e-6
        ahead = 1 + (LEAD / n) ** 2 if ahead is None else ahead
        log_weight = np.log(np.where(lead, ahead, 1.0)) - SHARPNESS * n / (n + HALF_SHARP) * np.log(error)
        weights = np.exp(log_weight - log_weight.max())
        blend = cls(weights / weights.sum())
        mean, std = blend(outside, variance, lead)
        return cls(blend.weights, Spread.of(mean, std, targets, BELIEFS))

    def __call__(self, means: Array, variances: Array, lead: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Mean ``(n,)`` and standard deviation ``(n,)`` from ``(m, n)`` means and variances of the members.

        The variance is that of the Gaussian processes plus the disagreement of the members.
        """
        mean = self.weights @ means
        own = self.weights * lead
        variance = own / own.sum() @ variances + self.weights @ np.square(means - mean)
        return mean, self.spread(mean, np.sqrt(variance))


@register(
    "stack",
    summary="Gaussian processes and trees on structure and evidence, blended; the first choice",
    paper="stacking after Wolpert 1992, https://doi.org/10.1016/S0893-6080(05)80023-1; features and blend by archcast",
    family="hybrid",
    default=True,
)
class Stack(Predictor):
    """A blend that is made for few architectures: from one up, with or without evidence, on every space.

    Targets are rank-normal. Architectures are seen by what they do (the encodings ``graph-features``, ``functional``,
    ``operation-flow`` and ``wl``), chains and graphs of layers also by what they cost (``counts``, ``layers-so-far``), and in a
    space without cell graphs by their decisions (``mixed`` and ``totals``). Evidence is seen as normal quantiles of its ranks;
    it may be missing in single rows or altogether at query, where it is predicted from the structure. The members are

    - a Gaussian process with a kernel for each group of features and a relevance for each feature
      (:class:`~archcast.predictors.hybrid._process.Process`); with evidence a second one that does not look at it; in spaces
      without cell graphs one more, which also sees what each decision does by itself, and from 50 to 2,000 architectures another,
      which sees nothing else. The size, numbers beside it (parameters and activations, or the weights of a cell's heaviest path)
      and all evidence are hints, each with a slope that has a prior of its own: that of the size, FLOPs and nwot is expected to
      be above 0,
    - extremely randomised trees and gradient-boosted trees, from five architectures up; with proxies or costs as evidence each
      also without them, since on some task they tell nothing; ridge regression in spaces without cell graphs.

    Their out-of-sample errors (leave-one-out in closed form, out-of-bag, cross-validated) set the weights, see
    :class:`Blend`. ``std`` holds the variance of the Gaussian processes, noise included, and the disagreement of the members,
    scaled by the out-of-sample errors. Above 2,000 architectures the Gaussian process is a sparse one, and costs grow linearly.

    ``sources``, rows of other tasks of the same space, help most where scores are few
    (:class:`~archcast.predictors.gaussian_process._correlated.CorrelatedGP`). ``correlations`` tells how alike they turned out;
    below .2 a source is better left out, and with more than 1,000 scores none is heard. Leave architectures that will be queried
    out of the sources, or the answer is a look-up.

    ``init()`` without architectures ranks by what is known beforehand: the size (multiplications, or the weights of a cell) and,
    where the pool has them, ``flops`` and ``nwot``, in equal parts. The answer is then a normal quantile, times .45; times .25
    where the space does not count what its networks cost, and the size is that of declared operations alone.

    A ``pool`` of candidates at init, best with their evidence, sets scales and ranks; without one the structure is scaled over a
    fixed sample of the space, and evidence over the training rows.

    Args:
        space: search space.
        random_state: seed of the trees.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(20, 0)
        >>> evidence = archcast.Evidence(proxies={"flops": (archs == 3).sum(axis=1)})
        >>> stack = archcast.get_predictor("stack", space=space, random_state=0)
        >>> stack = stack.init(archs, 90 + (archs == 3).sum(axis=1), evidence)
        >>> mean = stack.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    has_std = True
    learns_from_sources = True
    signals_: Sequence[Signal] = ()  # in files of earlier versions, as unseen_
    unseen_: float = 0.0
    n_sources_: int = 0

    def __init__(self, space: str | SearchSpace, *, random_state: Any = None) -> None:
        super().__init__(space, random_state=random_state)

    @property
    def requires(self) -> Requirements:
        """Labels, or none at all."""
        return Requirements(none=True)

    def _init(self, known: Known) -> None:
        self.signals_, self.n_sources_ = signals_of(self, _structural, self._space, known)
        if len(known.archs) == 0:
            self._init_unlabelled(known.pool)
            return
        pool, seeds = known.pool, self._rng().integers(2**31, size=2).tolist()
        keys = self._keys(known.evidence)
        columns = self._measured(known.evidence, keys)
        of_pool = self._measured(pool.evidence, keys) if pool is not None and pool.evidence else None
        self.structure_ = Structure.of(self._space, pool)
        view = self.structure_.view(known.archs)
        self.evidence_ = FilledEvidence.of(columns, self.structure_, view, pool, of_pool)
        targets = targets_of(self._space, known.scores)
        self.scale_: TargetScale | None = TargetScale.of_scores(known.scores, targets)
        self.labels_ = (
            np.zeros(0, dtype=bool) if view.labels is None else np.asarray(view.labels.any(axis=0), dtype=bool)
        )
        inputs, n = self._heard(self._inputs(view, columns), known.archs, known.evidence), len(known.archs)
        distances = self.structure_.features.distances
        looks = [(distances, False)]
        if self.evidence_ is not None:
            looks.insert(0, ((*distances, self.evidence_.distance), True))
        kinds: list[Callable[[], tuple[Process | Correlated, Array, Array]]] = []
        if self.signals_:
            kinds.append(partial(Correlated.fit, inputs, targets, looks[0][0], evidence=looks[0][1]))
        if not self.signals_ or n >= MANY:
            ways = [(*look, False) for look in looks]
            if view.effects:
                ways.insert(0, (*looks[0], True))
            if view.apart and ALONE_FROM <= n <= EXACT:
                kinds.append(partial(Process.fit, inputs, targets, (), evidence=looks[0][1], alone=True))
            kinds += [partial(Process.fit, inputs, targets, d, evidence=e, separate=s) for d, e, s in ways]
        self.processes_: list[Process | Correlated | Inherited] = []
        self.trees_: list[Forest | Boosting] = []
        self.line_: Line | None = None
        outside, variances = [], []
        for fit in kinds:
            process, mean, variance = fit()
            self.processes_.append(process)
            outside.append(mean)
            variances.append(variance)
        if isinstance(self.processes_[0], Correlated) and n >= MANY:
            heir, mean, variance = Inherited.fit(inputs, targets, distances, self.processes_[0], self.signals_)
            self.processes_.insert(1, heir)
            outside.insert(1, mean)
            variances.insert(1, variance)
        for features in self._tables(inputs) if n >= FEW else ():
            forest, bagged = Forest.fit(features, targets, seeds[0])
            boosting, crossed = Boosting.fit(self._space, features, targets, seeds[1])
            self.trees_ += [forest, boosting]
            outside += [bagged, crossed]
            variances += [np.zeros(len(targets))] * 2
        if n >= FEW and not self._space.has_graph:
            line, left_out = Line.fit(view.groups[0], targets)
            self.line_ = line
            outside.append(left_out)
            variances.append(np.zeros(len(targets)))
        ahead = None if self._space.has_graph else 1 + LEAD_DECISIONS / n
        if self.signals_ and n < MANY:
            ahead = 1 + LEAD_HEARD / n
        self.blend_ = Blend.of(np.array(outside), np.array(variances), targets, self._lead, ahead)
        own = self.scale_.prediction(*self.blend_(np.array(outside), np.array(variances), self._lead)).std
        assert own is not None
        self.unseen_ = UNSEEN / n * float(own.min()) ** 2

    def _init_unlabelled(self, pool: Pool | None) -> None:
        """Learn from a pool and its evidence, or from nothing."""
        self.structure_, self.evidence_, self.scale_ = Structure.of(self._space, pool), None, None
        self.labels_ = np.zeros(0, dtype=bool)
        if pool is not None and pool.evidence:
            columns, view = self._measured(pool.evidence, self._keys(pool.evidence)), self.structure_.view(pool.archs)
            self.evidence_ = FilledEvidence.of(columns, self.structure_, view)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        keys = () if self.evidence_ is None else self.evidence_.keys
        view = self.structure_.view(archs)
        inputs = self._heard(self._inputs(view, self._measured(evidence, keys)), archs, evidence)
        if self.scale_ is None:
            trusted = self.evidence_ is not None and self.evidence_.trusted
            slope, quantile = PRIOR_SLOPE if trusted else inputs.slope, self._quantile(inputs)
            if inputs.signals is not None:
                assert inputs.skills is not None
                slope, quantile = EXPECTED * float(inputs.skills.mean()), inputs.signals.mean(axis=1)
            return Prediction(slope * quantile, np.full(len(archs), np.sqrt(1 - slope**2)))
        answers = [process.predict(inputs) for process in self.processes_]
        for features, k in zip(self._tables(inputs), range(0, len(self.trees_), 2), strict=False):
            answers += [(tree.predict(features), np.zeros(len(archs))) for tree in self.trees_[k : k + 2]]
        if self._line is not None:
            answers.append((self._line.predict(view.groups[0]), np.zeros(len(archs))))
        means, variances = (np.array(part) for part in zip(*answers, strict=True))
        found = self.scale_.prediction(*self.blend_(means, variances, self._lead))
        assert found.std is not None
        return replace(found, std=np.sqrt(np.square(found.std) + self.unseen_))

    def _heard(self, inputs: Inputs, archs: NDArray[np.int64], evidence: Evidence) -> Inputs:
        """The inputs with the signals of the sources."""
        if not self.signals_:
            return inputs
        skills = np.array([signal.skill for signal in self.signals_])
        return replace(inputs, signals=heard(self.signals_, archs, evidence), skills=skills)

    @property
    def correlations(self) -> list[float]:
        """Of each source with the scores, on the scale of normal quantiles, as far as the training rows tell; 0 of a source that is
        not heard, because its scores cannot be told from structure."""
        first = self.processes_[0] if getattr(self, "processes_", None) else None
        if not isinstance(first, Correlated) and self.signals_:
            return []
        found = first.correlation if isinstance(first, Correlated) else []
        return correlations_of(self.n_sources_ or len(found), self.signals_, found)

    def _keys(self, evidence: Evidence) -> list[Key]:
        """The columns that the members are shown of evidence, by default all that there are."""
        return evidence_columns(evidence)

    def _measured(self, evidence: Evidence, keys: Sequence[Key]) -> Measured:
        """Those columns, as far as the evidence has them."""
        return measured(evidence, keys)

    def _inputs(self, view: View, columns: Measured) -> Inputs:
        slope = UNCOUNTED_SLOPE if type(self._space).costs is SearchSpace.costs else PRIOR_SLOPE
        inputs = Inputs(view, view.cosines(self.labels_), view.size, slope=slope)
        if self.evidence_ is None:
            return inputs
        quantiles, trusted = self.evidence_.quantiles(view.matrix, columns), self.evidence_.trusted
        means, variances = np.zeros(quantiles.shape[1]), np.full(quantiles.shape[1], DOUBT_OTHERS / quantiles.shape[1])
        for number, mean in trusted.items():
            means[number], variances[number] = mean, DOUBT_TRUSTED
        known = inputs.structural
        told = Hints(
            np.column_stack([known.columns, quantiles]),
            np.concatenate([known.means, means]),
            np.concatenate([known.variances, variances]),
        )
        return replace(inputs, evidence=quantiles, told=told)

    def _quantile(self, inputs: Inputs) -> Array:
        """``(n,)`` what ranks without a score: the size and trusted evidence in equal parts."""
        trusted = [] if self.evidence_ is None else list(self.evidence_.trusted)
        if not trusted:
            return inputs.size
        assert inputs.evidence is not None
        return np.asarray(np.column_stack([inputs.size, inputs.evidence[:, trusted]]).mean(axis=1))

    def _tables(self, inputs: Inputs) -> list[Array]:
        """What trees see: all that there is; and, where evidence was not measured in trainings, and so may tell nothing, a second
        forest and boosting the same without it."""
        doubtful = self.evidence_ is not None and all(key[0] in ("proxy", "cost") for key in self.evidence_.keys)
        return [inputs.matrix, inputs.without_evidence] if doubtful else [inputs.matrix]

    @property
    def _lead(self) -> NDArray[np.bool_]:
        members = len(self.processes_) + len(self.trees_) + (self._line is not None)
        return np.arange(members) < len(self.processes_)

    @property
    def _line(self) -> Line | None:
        """The ridge regression; files of earlier versions have none."""
        return getattr(self, "line_", None)


def _structural(stack: Stack) -> AdditiveGP:
    """The Gaussian process on the structure of one that was fitted without sources."""
    member = stack.processes_[-1]
    assert isinstance(member, Process)
    assert isinstance(member.gp, AdditiveGP)  # of a source few enough rows are taken
    return member.gp

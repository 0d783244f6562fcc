"""MultiPredict: one predictor of few labels for many tasks, devices and spaces (Akhauri & Abdelfattah 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings.counts import costs_differ
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Pool, Source
from archcast.predictors.base import Known, register
from archcast.predictors.features import FeatureGroups, suited
from archcast.predictors.neural._feed_forward import FeedForward
from archcast.predictors.neural._folds import left_out, moments, noise_of
from archcast.predictors.neural.losses import LOSSES, OnTargets
from archcast.predictors.parameters import Whole
from archcast.predictors.regression import DEFAULT_ENCODING
from archcast.predictors.sources import in_space, of_rows, related
from archcast.predictors.targets import TargetScale, targets_of
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["MultiPredict"]

MOST = 1000
"""Rows of a source that are learned from."""


@register(
    "multi-predict",
    summary="ensemble of networks that know tasks and devices by an embedding; learn from other tasks, devices and spaces first",
    paper="Akhauri & Abdelfattah 2023, https://arxiv.org/abs/2306.02459",
    family="neural",
)
class MultiPredict(OnTargets, FeedForward):
    """MultiPredict, with other tasks or devices as ``sources``.

    A feed-forward network reads an architecture and an embedding of the task (an accuracy on some images, a latency on some
    device), which is learned for each. It is trained on all ``sources`` together. A new task then begins with the embedding of the
    source that ranks its few scores best, and is tuned to with a third of the learning rate. Sources of other spaces tell
    something, too: where there is one, architectures are described by what means the same in every space, which is what their
    networks cost (the encoding ``counts``, standardised over each space) and the evidence that the task and all sources have:
    the paper's vector of zero-cost proxies. Where all sources are of the task's own space (or of one that lies in it), the
    encoding describes them, beside that evidence.

    Departures from the paper: targets are rank-normal; the choice of encodings; the embedding enters the first layer as a shift of
    its units; layers are not frozen while tuning; an ensemble with rows left out takes the place of one network; latencies on
    other devices are no encoding (they are learned from as sources).

    Args:
        space: search space.
        encoding: name of an encoding, or several, which describe architectures if no source is of another space. ``"auto"`` takes
            the decisions, what suits the space, and what its networks cost.
        n_members: networks in the ensemble.
        embedding: how many numbers stand for a task.
        hidden: units of each hidden layer.
        source_epochs: passes over the largest source.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> rows, archs = space.sample(60, 0), space.sample(6, 1)
        >>> sources = [archcast.Source(space, rows, (rows == 3).sum(axis=1)), archcast.Source(space, rows, -rows.sum(axis=1))]
        >>> one = archcast.get_predictor("multi-predict", space, random_state=0)
        >>> one = one.init(archs, 5 + (archs == 3).sum(axis=1), sources=sources)
        >>> mean = one.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    has_std = True
    learns_from_sources = True
    learns_from_other_spaces = True

    parameters = {"n_members": Whole(1), "embedding": Whole(1), "source_epochs": Whole(1)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        n_members: int = 5,
        embedding: int = 8,
        hidden: Sequence[int] = (64, 64),
        source_epochs: int = 60,
        epochs: int = 100,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        loss: str = "absolute",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            hidden=hidden,
            epochs=epochs,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            device=device,
            random_state=random_state,
        )
        self.n_members = n_members
        self.embedding = embedding
        self.source_epochs = source_epochs

    def _init(self, known: Known) -> None:
        from archcast.predictors.neural import _task_networks
        from archcast.predictors.neural._mlp import inputs_of

        rng, space = self._rng(), self._space
        sources, encoding = self._read(known.sources)
        evidence = known.evidence
        for source in sources:
            evidence = evidence.shared(source.evidence)
        self.features_ = FeatureGroups.of(space, encoding, evidence, known.pool)
        targets = targets_of(space, known.scores)
        self.scale_ = TargetScale.of_scores(known.scores, targets)
        inputs = inputs_of(self.features_.matrix(known.archs, evidence))
        out = left_out(self.n_members, len(targets), rng)
        pool = None if known.pool is None else Pool(known.pool.archs)
        tasks = []
        for source in sources:
            own, some = get_space(source.space), of_rows(source, rng.permutation(len(source.archs))[:MOST])
            told = _columns_of(evidence, some.evidence)
            features = FeatureGroups.of(own, encoding, told, pool if own == space else None).matrix(some.archs, told)
            seen = np.ones((self.n_members, len(features)), dtype=bool)
            tasks.append(_task_networks.Rows(inputs_of(features), targets_of(own, some.scores), seen))
        with self._on_device():
            self.weights_ = _task_networks.learn(
                tasks,
                _task_networks.Rows(inputs, targets, ~out),
                LOSSES[self.loss],
                rng=rng,
                embedding=self.embedding,
                hidden=self.hidden,
                source_epochs=self.source_epochs,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
            )
        outputs = _task_networks.outputs(self.weights_, inputs)
        self._learn_scale(self.loss, outputs)
        canonical = space.canonical(known.archs)
        self.noise_, self.bias_, self.twins_ = noise_of(canonical, self._on_targets(outputs), targets, out)

    def _read(self, sources: Sequence[Source]) -> tuple[list[Source], str | Sequence[str]]:
        """The sources, as rows of the task's space where all can be, and the encoding of these or of all spaces."""
        foreign = [number for number, source in enumerate(sources) if not related(source, self._space)]
        if not foreign:
            return in_space(sources, self._space), self._suited()
        for number, source in enumerate(sources):
            own = get_space(source.space)
            own.validate(source.archs, allow_empty=False, name=f"sources[{number}].archs")
            untold = [space.name for space in (own, self._space) if not costs_differ(space)]
            if untold:
                raise InvalidInputError(
                    f"sources[{number}] is of space {own.name!r}, and sources[{foreign[0]}] shares no row with the task's. Other "
                    f"spaces are told by what networks cost, which {untold[0]!r} does not count: leave out sources of other "
                    "spaces, or take the predictor 'flan', which learns from cells of any space."
                )
        return list(sources), ("counts",)

    def _suited(self) -> Sequence[str]:
        """Names of encodings of the task's space; by themselves also the decisions and the costs, which latencies depend on."""
        names = suited(self.encoding, self._space)
        if self.encoding != DEFAULT_ENCODING:
            return names
        costs = ("counts",) if costs_differ(self._space) and "counts" not in names else ()
        return ("one-hot", *names, *costs)

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from archcast.predictors.neural import _task_networks
        from archcast.predictors.neural._mlp import inputs_of

        members = self._on_targets(_task_networks.outputs(self.weights_, inputs_of(features)))
        mean, variance = moments(members, self.noise_)
        return mean, np.sqrt(variance)


def _columns_of(evidence: Evidence, other: Evidence) -> Evidence:
    """What another evidence has of this one, in the order of this one."""
    kinds = ((evidence.curves, other.curves), (evidence.proxies, other.proxies), (evidence.costs, other.costs))
    return Evidence(*({name: theirs[name] for name in own} for own, theirs in kinds))

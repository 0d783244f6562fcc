"""A zero-cost proxy as a predictor: it builds each network, scores it untrained, and learns from no label.

Use it to rank architectures of a space before anything was trained, or as the baseline that a learned predictor must
beat. Proxies that were computed before are taken from the evidence; ``archcast score --space ... --out FILE`` computes
them in bulk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor, Requirements, register
from archcast.predictors.parameters import Text, Whole, Wholes
from archcast.proxies.base import PROXIES
from archcast.spaces.base import SPACES, SearchSpace, Task

if TYPE_CHECKING:
    from archcast.proxies.engine import Scores

__all__ = ["ZeroCost", "score_untrained", "signed_log"]

LOWEST = -math.log1p(np.finfo(np.float64).max)
"""``signed_log`` of the lowest number there is: what a network gets that has no score."""


@register(
    "zero-cost",
    summary="a zero-cost proxy of the built network",
    paper="Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134",
    family="zero-cost",
)
class ZeroCost(Predictor):
    """A zero-cost proxy (Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134).

    The network of each architecture is built and scored on one batch of N(0, 1) noise with random labels. Architectures
    that are the same function are scored once. The mean is sign(v) log(1 + |v|) of the proxy's value v, which ranks as
    v does and has room below for networks without a score, e.g. without a path from input to output: those get the
    lowest number there is. It is no accuracy.

    Args:
        space: a space whose networks can be built.
        proxy: its name, see ``archcast list proxies``.
        batch_size: samples of the batch.
        shape: channels, height, width of its images.
        classes: classes of the network.
        width, depth, stages: of the network; ``None`` takes the paper's. Smaller networks keep most of the ranking.
        random_state: seed of weights, noise and labels.

    Examples:
        >>> import archcast
        >>> small = {"shape": (3, 8, 8), "width": 4, "depth": 1, "batch_size": 8}
        >>> predictor = archcast.get_predictor("zero-cost", "nasbench201", proxy="synflow", random_state=0, **small)
        >>> predictor.init().query([[3, 3, 3, 3, 3, 3], [0, 0, 0, 4, 0, 0]]).mean.argmax()
        np.int64(0)
    """

    parameters = {
        "proxy": Text(),
        "batch_size": Whole(1),
        "shape": Wholes(3),
        "classes": Whole(1),
        "width": Whole(1, optional=True),
        "depth": Whole(1, optional=True),
        "stages": Whole(1, optional=True),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        proxy: str = "synflow",
        batch_size: int = 32,
        shape: tuple[int, int, int] = (3, 32, 32),
        classes: int = 10,
        width: int | None = None,
        depth: int | None = None,
        stages: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.proxy = proxy
        self.batch_size = batch_size
        self.shape = shape
        self.classes = classes
        self.width = width
        self.depth = depth
        self.stages = stages

    @property
    def requires(self) -> Requirements:
        """Nothing."""
        return Requirements(labels=False)

    def _init(self, known: Known) -> None:
        PROXIES.entry(self.proxy)
        if self.batch_size < 1:
            raise InvalidInputError(f"batch_size is {self.batch_size}: it must be at least 1.")
        name = self._space.name
        if name in SPACES and not SPACES.entry(name).info.get("buildable"):
            raise InvalidInputError(
                f"ZeroCost builds networks, and those of space {name!r} cannot be built. Use the predictor 'evidence' with "
                "proxies that were published."
            )
        self._space.size_of(self._task())
        self.seed_ = int(self._rng().integers(2**31))

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        mean = np.full(len(archs), np.nan)
        if self.proxy in evidence.proxies:
            mean = signed_log(evidence.proxies[self.proxy])
        unknown = np.flatnonzero(np.isnan(mean))
        rows, twin = np.unique(self._space.canonical(archs[unknown]), axis=0, return_inverse=True)
        values = np.array([self._value(row) for row in rows])
        mean[unknown] = values[twin.ravel()] if len(values) else mean[unknown]
        return Prediction(mean)

    def _task(self) -> Task:
        channels, height, width = self.shape
        return Task((channels, height, width), self.classes, self.width, self.depth, self.stages)

    def _value(self, row: NDArray[np.int64]) -> float:
        found = score_untrained(
            self._space,
            row,
            self.proxy,
            seed=self.seed_,
            batch_size=self.batch_size,
            task=self._task(),
        )
        return float(signed_log(found[self.proxy])) if self.proxy in found else LOWEST


def score_untrained(
    space: SearchSpace,
    row: NDArray[np.int64],
    proxies: str | Sequence[str],
    *,
    seed: int = 0,
    batch_size: int = 32,
    task: Task | None = None,
) -> Scores:
    """Build the network of one architecture and score it on N(0, 1) noise with random targets, as ``archcast score
    SPACE:ARCHITECTURE`` does.

    Args:
        space: a space whose networks can be built.
        row: ``(d,)`` architecture.
        proxies: names.
        seed: of weights, noise and targets.
        batch_size: samples.
        task: what the network is built for, and its sizes; by default CIFAR-10 and the paper's.
    """
    import torch

    from archcast.proxies.engine import score

    task = task or Task()
    generator = torch.Generator().manual_seed(seed)
    inputs, targets = task.noise(batch_size, generator)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = space.build(row, task)
    return score(network, inputs, targets, proxies=proxies, seed=seed)


def signed_log(values: Any) -> NDArray[np.float64]:
    """sign(v) log(1 + |v|): increasing, and finite for every finite number."""
    array = np.asarray(values, dtype=np.float64)
    return np.sign(array) * np.log1p(np.abs(array))

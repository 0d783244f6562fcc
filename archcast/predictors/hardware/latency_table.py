"""Latency as a sum over a table of layers, each measured once by itself."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.costs.counted import Layer, distinct, layers_each, summed, tallied
from archcast.costs.layers import Examples, Layers, layers_of, seconds_of
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor, register
from archcast.predictors.hardware.latency import positive
from archcast.predictors.parameters import Text, Whole, Wholes, Word
from archcast.spaces.base import SPACES, SearchSpace, Task

__all__ = ["LatencyTable"]

_traced: dict[tuple[str, Task, int, bytes], Layers] = {}
"""Layers of the networks that this process has looked at."""
MOST_TRACED = 20_000
BUILT = 20
"""Most networks that are built where a space counts its layers."""
LEARNED = ("conv", "conv1d", "transposed", "linear")
"""Kinds of layers whose counts must be those of built networks."""


@register(
    "latency-table",
    summary="sum of the times of the layers, measured one by one on the device at hand",
    paper="Cai et al. 2019 (ProxylessNAS), https://arxiv.org/abs/1812.00332; Wu et al. 2019, https://arxiv.org/abs/1812.03443",
    family="hardware",
)
class LatencyTable(Predictor):
    """The look-up table of ProxylessNAS, FBNet and Once-for-All.

    Init looks at networks of the space (those with scores, the pool, and ``looks`` random ones), and measures each distinct layer
    with each distinct shape once, on the device at hand. The time of a network is

        scale * sum of the times of its layers + offset,

    with scale and offset fitted to the scores, about ten measured whole networks, by least squares of the relative errors where all
    scores are positive. What stands between layers, such as sums, is left to them. A layer that init did not see counts as much as
    the mean of the layers of its class.

    The scores must come from the same device and the same inputs, so give both alike to :func:`archcast.costs.measure`.
    A space that counts by formulas says which layers its networks have; of its networks only up to twenty of those with scores
    are built, to measure their own modules, and other layers are measured with stride 1. Where these twenty have other layers
    than the space counts, and in spaces without formulas, all networks are built, which takes a tenth of a second each. Where
    all measurements are positive, so are the answers.

    Args:
        space: search space whose networks can be built.
        shape: channels, height and width of an image.
        classes: number of classes.
        width, depth, stages: sizes of the networks; ``None`` for the paper's.
        batch: number of images in a batch.
        device: name of the device.
        runs: number of runs of each layer that count.
        warmup: number of runs of each layer before these.
        clock: ``"wall"`` or ``"processor"``, as for :func:`archcast.costs.measure`.
        looks: random networks whose layers are measured.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> sizes = {"shape": (3, 8, 8), "width": 4, "depth": 1}
        >>> table = archcast.get_predictor("latency-table", space, runs=3, looks=5, random_state=0, **sizes)
        >>> archs = space.sample(10, 0)
        >>> table = table.init(archs, 1 + (archs == 3).sum(axis=1))
        >>> table.query(archs).mean.shape, len(table.layers_) > 5
        ((10,), True)
    """

    parameters = {
        "shape": Wholes(3),
        "classes": Whole(1),
        "width": Whole(1, optional=True),
        "depth": Whole(1, optional=True),
        "stages": Whole(1, optional=True),
        "batch": Whole(1),
        "device": Text(),
        "runs": Whole(1),
        "warmup": Whole(0),
        "clock": Word("wall", "processor"),
        "looks": Whole(0),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        shape: tuple[int, int, int] = (3, 32, 32),
        classes: int = 10,
        width: int | None = None,
        depth: int | None = None,
        stages: int | None = None,
        batch: int = 1,
        device: str = "cpu",
        runs: int = 50,
        warmup: int = 10,
        clock: str = "wall",
        looks: int = 100,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.shape = shape
        self.classes = classes
        self.width = width
        self.depth = depth
        self.stages = stages
        self.batch = batch
        self.device = device
        self.runs = runs
        self.warmup = warmup
        self.clock = clock
        self.looks = looks

    def _init(self, known: Known) -> None:
        space = self._space
        if space.name in SPACES and not SPACES.entry(space.name).info.get("buildable"):
            raise InvalidInputError(
                f"{self._title} builds networks, and those of space {space.name!r} cannot be built. Use the predictor 'latency'."
            )
        space.size_of(self._task())
        parts = [known.archs, space.sample(self.looks, self._rng())]
        if known.pool is not None:
            parts.append(known.pool.archs)
        rows = np.unique(np.concatenate(parts), axis=0)
        examples: Examples = {}
        built = np.unique(known.archs, axis=0)[:BUILT]
        of_built = [self._layers(row, examples) for row in built]
        counted = tallied(self._count, rows)
        self.counted_ = counted is not None and self._are_counted(built, of_built, examples)
        if counted is None or not self.counted_:
            for row in rows:
                self._layers(row, examples)
            stand_in = {key: [key] for key in examples}
        else:
            stand_in = self._modules(distinct(counted, len(rows)), examples)
        measured = seconds_of(examples, self.device, runs=self.runs, warmup=self.warmup, clock=self.clock)
        self.layers_ = sorted(stand_in)
        self.milliseconds_ = np.array([np.mean([measured[key] for key in stand_in[name]]) for name in self.layers_])
        self.least_ = float(known.scores.min())
        sums = self._sums(known.archs)
        weights = 1 / known.scores if (known.scores > 0).all() else np.ones(len(sums))
        if np.ptp(sums) > 0:
            self.scale_, self.offset_ = (float(v) for v in np.polyfit(sums, known.scores, 1, w=weights))
        else:  # one network, or several with the same layers
            self.scale_ = float(known.scores.mean() / sums.mean()) if sums.mean() else 0.0
            self.offset_ = float(known.scores.mean() - self.scale_ * sums.mean())

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        return Prediction(positive(self.scale_ * self._sums(archs) + self.offset_, self.least_))

    def _task(self) -> Task:
        channels, height, width = self.shape
        return Task((channels, height, width), self.classes, self.width, self.depth, self.stages)

    def _count(self, rows: NDArray[np.int64]) -> None:
        self._space.costs(rows, task=self._task())

    def _are_counted(self, rows: NDArray[np.int64], built: list[Layers], examples: Examples) -> bool:
        """Whether convolutions and linear layers of built networks are those that the space counts."""
        from archcast.costs.counted_modules import layer_of

        known = {key: layer_of(module, given) for key, (module, given) in examples.items()}
        for listed, layers in zip(layers_each(tallied(self._count, rows) or (), len(rows)), built, strict=True):
            found: Layers = Counter()
            for key, times in layers.items():
                layer = known.get(key)
                if layer is not None and layer[0] in LEARNED:
                    found[_name(layer)] += times
            if found != {_name(layer): times for layer, times in listed.items() if layer[0] in LEARNED}:
                return False
        return True

    def _modules(self, layers: list[Layer], examples: Examples) -> dict[str, list[str]]:
        """For each layer that is counted the modules that are measured for it: those of networks that were built, or a new one."""
        from archcast.costs.counted_modules import layer_of, module_of

        found: dict[str, list[str]] = {}
        for key, (module, given) in examples.items():
            layer = layer_of(module, given)
            if layer is not None:
                found.setdefault(_name(layer), []).append(key)
        kept = {}
        for layer in layers:
            name = _name(layer)
            if name not in found:
                module, given = module_of(layer, self.batch)
                found[name] = [f"{module!r} on {', '.join('x'.join(map(str, shape)) for shape, _ in given)}"]
                examples.setdefault(found[name][0], (module, given))
            kept[name] = found[name]
        for key in set(examples) - {key for keys in kept.values() for key in keys}:
            del examples[key]
        return kept

    def _sums(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        """``(n,)`` milliseconds of all layers together."""
        table = dict(zip(self.layers_, self.milliseconds_.tolist(), strict=True))
        classes: dict[str, list[float]] = {}
        for key, value in table.items():
            classes.setdefault(key.partition("(")[0], []).append(value)
        usual = {name: float(np.mean(values)) for name, values in classes.items()}

        def time_of(key: str) -> float:
            return table.get(key, usual.get(key.partition("(")[0], 0.0))

        rows, twin = np.unique(archs, axis=0, return_inverse=True)
        if self.counted_:
            sums = summed(tallied(self._count, rows) or (), len(rows), lambda layer: time_of(_name(layer)))
        else:
            sums = np.array([sum(times * time_of(key) for key, times in self._layers(row).items()) for row in rows])
        return np.asarray(sums[twin.ravel()])

    def _layers(self, row: NDArray[np.int64], examples: Examples | None = None) -> Layers:
        """The layers of the network of one row."""
        import torch

        task = self._task()
        place = (self._space.name, task, self.batch, row.tobytes())
        if examples is None and place in _traced:
            return _traced[place]
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            network = self._space.build(row, task)
            found = layers_of(network, [torch.zeros((self.batch, *self.shape))], examples)
        if len(_traced) < MOST_TRACED:
            _traced[place] = found
        return found


def _name(layer: Layer) -> str:
    """Kind and numbers as a text."""
    return f"{layer[0]}({', '.join(f'{number:.15g}' for number in layer[1:])})"

"""Functional features: what a cell does to a signal, in thirty numbers that mean the same in every space."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._flow import CellFlow
from archcast.encodings.base import Encoder, register
from archcast.graphs import IDENTITY, POOLING
from archcast.spaces.base import SearchSpace

__all__ = ["FlowEncoder", "Functional"]

PAPER = "after Kadlecova et al. 2024, https://arxiv.org/abs/2404.16551"


class FlowEncoder(Encoder):
    """Base of the encodings made of the paths through each pruned cell and of the signal along them."""

    pruned = True

    def _cell_features(self, cell: CellFlow) -> dict[str, NDArray[Any]]:
        """Name -> ``(n,)`` feature of one cell."""
        raise NotImplementedError

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        return np.array(list(self._features(space, archs).values()), dtype=np.float32).T

    def _names(self, space: SearchSpace) -> list[str]:
        return list(self._features(space, np.zeros((0, len(space.cardinalities)), dtype=np.int64)))

    def _features(self, space: SearchSpace, archs: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        cells = space.graphs(archs).pruned().split()
        features: dict[str, NDArray[Any]] = {}
        for number, cell in enumerate(cells):
            prefix = f"cell{number}:" if len(cells) > 1 else ""
            features |= {prefix + name: values for name, values in self._cell_features(CellFlow(cell)).items()}
        return features


@register("functional", summary="thirty numbers a cell: paths, receptive field, weights, signal flow", paper=PAPER)
class Functional(FlowEncoder):
    """What each pruned cell does, whatever its operations are called: thirty features a cell.

    The space declares every operation (:class:`archcast.graphs.Operation`): it is a *convolution* (any learned map), a *pooling*
    or an *identity*, with a weight (the size of a 1x1 convolution is 1) and a reach. The features are

    - over the paths from input to output: whether there are any, the logarithm of one plus their number, convolutions on a path
      (minimum, maximum, mean, standard deviation), poolings on a path (minimum, maximum, mean), the receptive field
      sum(reach - 1) of a path (minimum, maximum, mean), operations on a path (maximum, mean), whether a path of identities
      exists, the share of such paths, the share and number of paths without convolution;
    - over the cell: number of operations, of convolutions, of poolings, sum of weights and the logarithm of one plus it,
      width and depth;
    - along the signal: walking back from the output, to each predecessor with the probability of its share of the
      variance, the expected number of convolutions, sum(reach - 1), poolings and identities; log(0.05 + variance at the output).

    Where there is no path, minima and maxima are -1 and all else is 0 but the last, log(0.05). An operation that the space does not
    declare counts as an operation and as nothing more; ``check_space`` refuses the space.

    The features are an original of this package; the idea that few properties of a cell's function predict its accuracy is
    that of Kadlecova et al. 2024 (https://arxiv.org/abs/2404.16551).

    Args:
        space: search space.

    Examples:
        >>> encoder = Functional("nasbench201")
        >>> features = encoder.transform([[3, 0, 1, 0, 0, 4]])[0]
        >>> names = encoder.get_feature_names_out().tolist()
        >>> features.shape, float(features[names.index("convolutions_max")]), float(features[names.index("weight")])
        ((30,), 1.0, 9.0)
    """

    def _cell_features(self, cell: CellFlow) -> dict[str, NDArray[Any]]:
        convolution, pooling, identity = cell.learned, cell.is_kind(POOLING), cell.is_kind(IDENTITY)
        present = cell.is_op.any(axis=0)
        window = cell.total([op.reach - 1 for op in cell.table])
        weight = cell.total([op.weight for op in cell.table]).sum(axis=0)
        paths = cell.statistics(np.array([convolution, pooling, window, present], dtype=np.float64))
        identities, unlearned = cell.paths_within(np.array([identity, identity | pooling]))
        number = np.maximum(paths.count, 1)
        signal = cell.signal()
        flow = signal.expectation(np.array([convolution, window, pooling, identity], dtype=np.float64))
        depth = cell.depth()
        levels = [(present & (depth == level)).sum(axis=0) for level in range(1, len(depth))]
        return {
            "connected": paths.count > 0,
            "log_paths": np.log1p(paths.count),
            "operations": present.sum(axis=0),
            "convolutions_min": paths.minimum[0],
            "convolutions_max": paths.maximum[0],
            "convolutions_mean": paths.mean[0],
            "convolutions_sd": paths.deviation[0],
            "poolings_min": paths.minimum[1],
            "poolings_max": paths.maximum[1],
            "poolings_mean": paths.mean[1],
            "receptive_field_min": paths.minimum[2],
            "receptive_field_max": paths.maximum[2],
            "receptive_field_mean": paths.mean[2],
            "length_max": paths.maximum[3],
            "length_mean": paths.mean[3],
            "identity_path": identities > 0,
            "identity_paths": identities / number,
            "unlearned_paths": unlearned / number,
            "unlearned_paths_count": unlearned,
            "weight": weight,
            "log_weight": np.log1p(weight),
            "convolutions": convolution.sum(axis=0),
            "poolings": pooling.sum(axis=0),
            "signal_convolutions": flow[0],
            "signal_receptive_field": flow[1],
            "signal_poolings": flow[2],
            "signal_identities": flow[3],
            "log_variance": np.log(signal.variance + 0.05),
            "width": np.max(levels, axis=0),
            "depth": depth[-1],
        }

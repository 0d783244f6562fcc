"""Operation-flow features: how much of the signal each operation sees, and where it lies on the paths."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._flow import CellFlow
from archcast.encodings.base import register
from archcast.encodings.functional import PAPER, FlowEncoder
from archcast.graphs import POOLING

__all__ = ["OperationFlow"]

CONVOLUTIONS = 5
"""Columns of the distribution of the number of convolutions: 0, 1, 2, 3, 4 or more."""


@register("operation-flow", summary="each operation's share of the signal and place on the paths", paper=PAPER)
class OperationFlow(FlowEncoder):
    """What each operation does in each pruned cell; the finer companion of :class:`~archcast.encodings.functional.Functional`.

    The signal is followed back from the output, to each predecessor with the probability of its share of the variance. For
    each of the k operations: its expected number on that walk; its number in the cell; its number on a path (minimum,
    maximum, mean); the share of paths that hold it. For the cell: the distribution of the number of convolutions on the walk
    (0, 1, 2, 3, 4 or more) and its standard deviation; the share of paths without pooling; the sum of weights on a path (minimum,
    maximum, mean); the number of edges that leave the inputs and that enter the output. 6 k + 12 features a cell; where
    there is no path, minima and maxima are -1 and all else is 0.

    The features are an original of this package, beside those of Kadlecova et al. 2024 (https://arxiv.org/abs/2404.16551).

    Args:
        space: search space.

    Examples:
        >>> encoder = OperationFlow("nasbench201")
        >>> features = encoder.transform([[3, 0, 1, 0, 0, 4]])[0]
        >>> names = encoder.get_feature_names_out().tolist()
        >>> features.shape, float(features[names.index("signal(nor_conv_3x3)")])
        ((36,), 1.0)
    """

    def _cell_features(self, cell: CellFlow) -> dict[str, NDArray[Any]]:
        convolution, pooling = cell.learned, cell.is_kind(POOLING)
        is_op = cell.is_op.astype(np.float64)
        weight = cell.total([op.weight for op in cell.table])
        paths = cell.statistics(np.concatenate([is_op, weight[None]]))
        without = cell.paths_within(np.concatenate([~cell.is_op, ~pooling[None]]))
        share_without = without / np.maximum(paths.count, 1)
        signal = cell.signal()
        flow = signal.expectation(is_op)
        counts = signal.distribution(convolution, CONVOLUTIONS)
        values = np.arange(CONVOLUTIONS)
        variance = values**2 @ counts - (values @ counts) ** 2
        features: dict[str, NDArray[Any]] = {}
        for k, name in enumerate(cell.names):
            features |= {
                f"signal({name})": flow[k],
                f"count({name})": cell.is_op[k].sum(axis=0),
                f"path_min({name})": paths.minimum[k],
                f"path_max({name})": paths.maximum[k],
                f"path_mean({name})": paths.mean[k],
                f"paths_with({name})": np.where(paths.count > 0, 1 - share_without[k], 0.0),
            }
        return features | {
            **{f"signal_convolutions={c}": counts[c] for c in range(CONVOLUTIONS)},
            "signal_convolutions_sd": np.sqrt(np.maximum(variance, 0.0)),
            "paths_without_pooling": share_without[-1],
            "weight_min": paths.minimum[-1],
            "weight_max": paths.maximum[-1],
            "weight_mean": paths.mean[-1],
            "input_degree": cell.edges[: cell.inputs].sum(axis=(0, 1)),
            "output_degree": cell.edges[:, -1].sum(axis=0),
        }

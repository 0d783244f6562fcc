"""What the networks of rows cost, as features: how large, how expensive, how wide."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from archcast.encodings._paths import chains
from archcast.encodings.base import Encoder, register
from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace

__all__ = ["Counts", "costs_differ", "counted", "widths_differ"]

NAMES = ("macs", "params", "activations")

SAMPLE, ALIKE = 200, 0.9
"""Random networks of a space that are looked at, and the rank correlation of their parameters with their multiplications below
which layers are taken to have channels or resolutions of their own."""


def counted(space: SearchSpace) -> bool:
    """Whether what networks cost tells more of a space than its operations do, and is counted by formulas.

    It is so where layers form a chain, or rows are decisions without cell graphs: one layer may then have more channels or a lower
    resolution than another of the same kind. All cells of a space have the same channels, so there the operations tell it.
    """
    if type(space).costs is SearchSpace.costs:
        return False
    return not space.has_graph or chains(space)


def costs_differ(space: SearchSpace) -> bool:
    """Whether a space counts what its networks cost by formulas, and they do not all cost the same.

    Examples:
        >>> import archcast
        >>> costs_differ(archcast.get_space("nasbench201")), costs_differ(archcast.Choices(depth=[1, 2]))
        (True, False)
    """
    return type(space).costs is not SearchSpace.costs and _differ(space)


@lru_cache(maxsize=64)
def widths_differ(space: SearchSpace) -> bool:
    """Whether layers of a cell graph have channels or resolutions of their own, so that its operations do not tell what it costs.

    In graphs of layers (Auto-Keras, NASBOT) the same operation is cheap in one place and expensive in another, and few parameters
    may multiply many pixels. Where cells are copied, parameters and multiplications rank networks alike.

    Examples:
        >>> import archcast
        >>> widths_differ(archcast.get_space("auto-keras")), widths_differ(archcast.get_space("nasbench201"))
        (True, False)
    """
    if not space.has_graph or not costs_differ(space):
        return False
    costs = space.costs(space.sample(SAMPLE, 0), pruned=True)
    params, macs = rankdata(costs["params"]), rankdata(costs["macs"])
    if np.ptp(params) == 0 or np.ptp(macs) == 0:
        return True
    return bool(np.corrcoef(params, macs)[0, 1] < ALIKE)


@lru_cache(maxsize=64)
def _differ(space: SearchSpace) -> bool:
    """Whether the networks of 100 random rows do not all cost the same."""
    costs = space.costs(space.sample(100, 0))
    return any(np.ptp(costs[name]) > 0 for name in NAMES)


@register("counts", summary="logarithms of multiplications, parameters and activations", paper="archcast")
class Counts(Encoder):
    """Natural logarithms of the multiply-accumulate operations, the parameters and the activations of the pruned network
    (:meth:`archcast.spaces.SearchSpace.costs`).

    On TransNAS-Bench-101's macro space, where modules halve the resolution or double the channels, the multiplications alone
    rank networks better than what is learned from ten of them.

    Args:
        space: search space whose networks are defined.

    Examples:
        >>> encoder = Counts("transnasbench101-macro")
        >>> narrow, wide = encoder.transform([[1, 1, 1, 4, 0, 0], [4, 1, 1, 1, 0, 0]])
        >>> encoder.get_feature_names_out().tolist(), bool(wide[1] > narrow[1])
        (['log_macs', 'log_params', 'log_activations'], True)
    """

    pruned = True

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        if not _differ(space):
            raise InvalidInputError(
                f"Networks of space {space.name!r} all cost the same, which tells nothing of them. Use 'graph-features' or 'wl'."
            )
        costs = space.costs(archs, pruned=True)
        return np.stack([np.log(np.maximum(costs[name], 1.0)) for name in NAMES], axis=1)

    def _names(self, space: SearchSpace) -> list[str]:
        return [f"log_{name}" for name in NAMES]

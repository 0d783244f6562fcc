"""How the networks of rows are built, as features: which operations do the work, depth, width, resolution."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from archcast.costs.structure_names import STRUCTURE
from archcast.encodings.base import Encoder, register
from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace

__all__ = ["Structure"]

_known: WeakKeyDictionary[SearchSpace, dict[bytes, list[float]]] = WeakKeyDictionary()
"""Space -> row -> its features, so that a network is built once."""


@register("structure", summary="thirty numbers of how the network is built, of any network of images", paper="archcast")
class Structure(Encoder):
    """The numbers of :func:`archcast.costs.structure.structure`, of the pruned network of each row: shares of the
    multiply-accumulates by kind of operation, and the geometry (:data:`archcast.costs.structure_names.STRUCTURE` names them).

    They mean the same in every space, so what is learned of one set of models says something of another. A network is built
    without memory for its weights and run once, which takes about a tenth of a second; the numbers are kept while the
    space is. For models from outside, make a space of them: :meth:`archcast.spaces.model_zoo.ModelZoo.from_models`.

    Args:
        space: search space that builds networks of images.

    Examples:
        >>> encoder = Structure("nasbench201")
        >>> features = encoder.transform([[3, 3, 3, 3, 3, 3], [2, 1, 1, 1, 1, 2]])
        >>> names = encoder.get_feature_names_out().tolist()
        >>> [round(float(share), 2) for share in features[:, names.index("share_dense")]]
        [1.0, 0.38]

    Raises:
        InvalidInputError: the space builds no networks, or they take no image.
    """

    pruned = True

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        task = space.task_of(None)
        if task.dtypes != ("float32",) or len(task.shapes[0]) != 3:
            raise InvalidInputError(
                f"Encoding 'structure' describes networks of images, and those of space {space.name!r} take other inputs. "
                f"Use encoding 'counts'."
            )
        known = _known.setdefault(space, {})
        for row in archs:
            if row.tobytes() not in known:
                known[row.tobytes()] = _read(space, row)
        return np.array([known[row.tobytes()] for row in archs])

    def _names(self, space: SearchSpace) -> list[str]:
        return list(STRUCTURE)


def _read(space: SearchSpace, row: NDArray[np.int64]) -> list[float]:
    import torch

    from archcast.costs.structure import structure

    with torch.device("meta"):
        model = space.build(row, pruned=True)
    return list(structure(model, space.input_shape(row)).values())

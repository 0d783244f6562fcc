"""The decisions as predictors see them where there is no graph: standardised numbers, categories, and what is there at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._decisions import ByName, Features, columns
from archcast.encodings.base import register
from archcast.spaces.base import SearchSpace

__all__ = ["Mixed"]

PAPER = "archcast"


@register("mixed", summary="standardised numbers, one-hot categories, which decisions play a part", paper=PAPER)
class Mixed(ByName):
    """Each decision on its own scale; what predictors use by themselves in a space without cell graphs.

    A number has mean 0 and standard deviation 1 over its values, logarithms where the space says that ratios count, and
    is 0, the mean, where the decision is inactive; a category is one-hot. A decision that may be inactive has one more
    feature, whether it is there.

    Args:
        space: search space.

    Examples:
        >>> import archcast
        >>> space = archcast.Choices(depth=[1, 2], kernel2=[3, 5, 7], conditions={"kernel2": {"depth": 2}})
        >>> encoder = Mixed(space)
        >>> encoder.get_feature_names_out().tolist()
        ['depth', 'kernel2', 'kernel2 there']
        >>> encoder.transform([[1, 2], [0, 0]]).round(2)
        array([[ 1.  ,  1.22,  1.  ],
               [-1.  , -0.  ,  0.  ]], dtype=float32)
    """

    def _features(self, space: SearchSpace, archs: NDArray[np.int64]) -> Features:
        active = space.active(archs)
        features: Features = {}
        for c in columns(space):
            there, codes = c.there(archs, active), archs[:, c.number]
            if c.places is not None:
                features[c.name] = c.standard[codes] * there
            else:
                for k in range(1 if c.size == 2 and not c.conditional else 0, c.size):
                    features[f"{c.name}={k}"] = (codes == k) & there
            if c.conditional and c.places is not None:
                features[f"{c.name} there"] = there
        return features

"""The decisions as predictors see them where there is no graph: standardised numbers, categories, and what is there at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._decisions import Column, columns, families
from archcast.encodings.base import Encoder, register
from archcast.spaces.base import SearchSpace

__all__ = ["Mixed", "Totals"]

PAPER = "by archcast"

Features = dict[str, NDArray[Any]]


class _ByName(Encoder):
    """Base of encodings that make their features one by one, name -> ``(n,)``."""

    def _features(self, space: SearchSpace, archs: NDArray[np.int64]) -> Features:
        raise NotImplementedError

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        values = list(self._features(space, archs).values())
        return np.stack(values, axis=1) if values else np.zeros((len(archs), 0))

    def _names(self, space: SearchSpace) -> list[str]:
        return list(self._features(space, np.zeros((0, len(space.cardinalities)), dtype=np.int64)))


@register("mixed", summary="standardised numbers, one-hot categories, which decisions play a part", paper=PAPER)
class Mixed(_ByName):
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


@register("totals", summary="sums over decisions that are alike: how deep, how wide, early or late", paper=PAPER)
class Totals(_ByName):
    """What decisions that are alike have in common, such as the kernels of all layers.

    Columns are alike whose names differ in numbers alone and that have values in common. Of each such family: the sum
    over the members that are there of a number between 1/2, the smallest, and 3/2, the largest (of logarithms, where
    ratios count), so that both more members and larger ones make it larger; their mean; and whether the large ones come
    late, the correlation with their place. Of a family of categories: how many members have each. Of all numbers
    together: their mean on a common scale; and, where there are conditions, how many decisions play a part.

    Args:
        space: search space.

    Examples:
        >>> import archcast
        >>> space = archcast.Choices(kernel1=[3, 5, 7], kernel2=[3, 5, 7], act=["relu", "gelu"])
        >>> encoder = Totals(space)
        >>> encoder.get_feature_names_out().tolist()
        ['sum of kernel', 'late kernel', 'mean of all']
        >>> encoder.transform([[0, 2, 0]]).round(2)
        array([[2.  , 1.73, 0.  ]], dtype=float32)
    """

    def _features(self, space: SearchSpace, archs: NDArray[np.int64]) -> Features:
        active = space.active(archs)
        features: Features = {}
        for number, (name, members) in enumerate(families(space)):
            label = name if [other for other, _ in families(space)].count(name) == 1 else f"{name} {number}"
            there = np.stack([c.there(archs, active) for c in members], axis=1)
            if members[0].places is None:
                codes = np.where(there, archs[:, [c.number for c in members]], -1)
                for k in range(1 if members[0].size == 2 else 0, members[0].size):
                    features[f"number of {label}={k}"] = (codes == k).sum(axis=1)
                continue
            unit = np.stack([c.unit[archs[:, c.number]] for c in members], axis=1)
            standard = np.stack([c.standard[archs[:, c.number]] for c in members], axis=1) * there
            features[f"sum of {label}"] = ((0.5 + unit) * there).sum(axis=1)
            if any(c.conditional for c in members):
                features[f"mean of {label}"] = standard.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
            place = np.linspace(-1, 1, len(members))
            features[f"late {label}"] = (standard * place).sum(axis=1) / np.sqrt((place**2).sum())
        numbers = [c for c in columns(space) if c.places is not None]
        if numbers and families(space):
            features["mean of all"] = _mean(numbers, archs, active)
        if any(c.conditional for c in columns(space)):
            features["decisions there"] = np.sum([c.there(archs, active) for c in columns(space)], axis=0)
        return features


def _mean(numbers: list[Column], archs: NDArray[np.int64], active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean of the standardised numbers that are there."""
    there = np.stack([c.there(archs, active) for c in numbers], axis=1)
    values = np.stack([c.standard[archs[:, c.number]] for c in numbers], axis=1)
    return (values * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)

"""What alike decisions have in common: how much, how many, early or late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._decisions import ByName, Column, Features, columns, families
from archcast.encodings.base import register
from archcast.spaces.base import SearchSpace

__all__ = ["Totals"]

PAPER = "archcast"


@register("totals", summary="sums over decisions that are alike: how deep, how wide, early or late", paper=PAPER)
class Totals(ByName):
    """What decisions that are alike have in common, such as the kernels of all layers.

    Columns are alike whose names differ in numbers alone and that have values in common. Of each such family: the sum
    over the members that are there of a number between 1/2, the smallest, and 3/2, the largest (of logarithms, where
    ratios count), so that both more members and larger ones make it larger; their mean; and whether the large ones come
    late, the correlation with their place. Of a family of categories: how many members have each. A number without alike
    ones speaks of the whole network as a sum does, and is there by itself, if there are families at all. Of all numbers
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
            inside = {c.number for _, family in families(space) for c in family}
            alone = [c for c in numbers if c.number not in inside]
            features |= {c.name: c.standard[archs[:, c.number]] * c.there(archs, active) for c in alone}
            features["mean of all"] = _mean(numbers, archs, active)
        if any(c.conditional for c in columns(space)):
            features["decisions there"] = np.sum([c.there(archs, active) for c in columns(space)], axis=0)
        return features


def _mean(numbers: list[Column], archs: NDArray[np.int64], active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean of the standardised numbers that are there."""
    there = np.stack([c.there(archs, active) for c in numbers], axis=1)
    values = np.stack([c.standard[archs[:, c.number]] for c in numbers], axis=1)
    return (values * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)

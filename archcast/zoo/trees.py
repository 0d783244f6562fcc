"""Regression trees as flat arrays: small files, and a query that needs numpy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trees"]

DEEPEST = 64
LEAF = (-1, 0.0, -1)
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum or mean of trees.

    A node of feature ``f >= 0`` sends a row to ``left`` where ``x[f] <= threshold``, else to the node after ``left``; a leaf has
    the feature -1, and its threshold is its value.

    Attributes:
        feature: ``(nodes,)`` int16.
        threshold: ``(nodes,)`` float32.
        left: ``(nodes,)`` int32.
        roots: ``(trees,)`` int32.
        base: added to the sum.
        factor: multiplies the sum of the leaves: 1 for boosting, 1 / trees for a mean.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    roots: NDArray[np.int32]
    base: float
    factor: float

    KEYS: ClassVar[tuple[str, ...]] = ("feature", "threshold", "left", "roots", "scale")

    @classmethod
    def randomised(cls, x: Array, y: Array, seed: int, *, trees: int = 60, leaf: int = 3) -> Trees:
        """Extremely randomised trees (Geurts et al. 2006), half of the features a split."""
        from sklearn.ensemble import ExtraTreesRegressor

        rows = x.astype(np.float32)
        forest = ExtraTreesRegressor(trees, min_samples_leaf=leaf, max_features=0.5, random_state=seed).fit(rows, y)
        parts = [
            (t.children_left, t.children_right, t.feature, t.threshold, t.value[:, 0, 0])
            for t in (estimator.tree_ for estimator in forest.estimators_)
        ]
        return cls._joined(parts, 0.0, 1 / trees)

    @classmethod
    def boosted(cls, x: Array, y: Array, rising: Sequence[bool], seed: int) -> Trees:
        """Boosted trees that may only rise with some features."""
        import xgboost

        rows = x.astype(np.float32)
        params = {
            "objective": "reg:squarederror",
            "base_score": float(np.mean(y)),
            "eta": 0.06,
            "max_depth": 4,
            "min_child_weight": 8,
            "subsample": 0.8,
            "colsample_bytree": 0.6,
            "monotone_constraints": "(" + ",".join("1" if up else "0" for up in rising) + ")",
            "seed": seed,
            "nthread": 1,
            "verbosity": 0,
        }
        booster = xgboost.train(params, xgboost.DMatrix(rows, y, nthread=1), 180)
        parts = []
        table = booster.trees_to_dataframe()
        for _, tree in table.groupby("Tree", sort=True):
            number = {name: i for i, name in enumerate(tree["ID"])}
            leaf = (tree["Feature"] == "Leaf").to_numpy()
            yes = np.array([-1 if end else number[name] for end, name in zip(leaf, tree["Yes"])])
            no = np.array([-1 if end else number[name] for end, name in zip(leaf, tree["No"])])
            feature = np.array([-2 if end else int(name[1:]) for end, name in zip(leaf, tree["Feature"])])
            # the library goes left where x < split: with float32 rows that is x <= the next smaller float32
            split = np.nextafter(tree["Split"].to_numpy(dtype=np.float32), np.float32(-np.inf))
            parts.append((yes, no, feature, split, tree["Gain"].to_numpy(dtype=np.float64)))
        return cls._joined(parts, float(np.mean(y)), 1.0)

    @classmethod
    def _joined(cls, parts: Sequence[tuple[Any, ...]], base: float, factor: float) -> Trees:
        """Trees one after the other, the children of a node side by side."""
        nodes: list[tuple[int, float, int]] = []  # feature, threshold or value, left child
        roots = []
        for lefts, rights, features, splits, values in parts:
            roots.append(len(nodes))
            queue, places = [0], [len(nodes)]
            nodes.append(LEAF)
            while queue:
                node, place = queue.pop(0), places.pop(0)
                if lefts[node] < 0:
                    nodes[place] = -1, float(values[node]), -1
                    continue
                nodes[place] = int(features[node]), float(splits[node]), len(nodes)
                queue += [int(lefts[node]), int(rights[node])]
                places += [len(nodes), len(nodes) + 1]
                nodes += [LEAF, LEAF]
        feature, threshold, left = zip(*nodes)
        return cls(
            np.array(feature, dtype=np.int16),
            np.array(threshold, dtype=np.float32),
            np.array(left, dtype=np.int32),
            np.array(roots, dtype=np.int32),
            base,
            factor,
        )

    def predict(self, x: Array) -> Array:
        """``(n,)`` for ``(n, k)`` rows."""
        rows = np.asarray(x, dtype=np.float32)
        node = np.broadcast_to(self.roots, (len(rows), len(self.roots))).copy()
        index = np.arange(len(rows))[:, None]
        for _ in range(DEEPEST):
            feature = self.feature[node]
            inner = feature >= 0
            if not inner.any():
                break
            right = rows[index, np.maximum(feature, 0)] > self.threshold[node]
            node = np.where(inner, self.left[node] + right, node)
        leaves = self.threshold[node].astype(np.float64)
        return np.asarray(self.base + self.factor * leaves.sum(axis=1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For a file."""
        parts = {key: getattr(self, key) for key in self.KEYS[:-1]}
        return {**parts, "scale": np.array([self.base, self.factor])}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], width: int) -> Trees:
        """From a file, checked: children lie further on, features exist.

        Raises:
            ValueError: it is no set of trees.
        """
        feature, left, roots = (arrays[key] for key in ("feature", "left", "roots"))
        nodes = np.arange(len(feature))
        inner = feature >= 0
        sound = len(feature) == len(left) == len(arrays["threshold"]) > 0 and len(roots) > 0
        if not sound or (feature >= width).any() or (left[inner] <= nodes[inner]).any():
            raise ValueError("its trees are damaged")
        if (left[inner] + 1 >= len(feature)).any() or (roots < 0).any() or (roots >= len(feature)).any():
            raise ValueError("its trees refer to nodes that they do not have")
        base, factor = (float(value) for value in arrays["scale"])
        return cls(
            feature.astype(np.int16),
            arrays["threshold"].astype(np.float32),
            left.astype(np.int32),
            roots.astype(np.int32),
            base,
            factor,
        )

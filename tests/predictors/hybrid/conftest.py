"""A made-up problem on cells of NAS-Bench-201, for the tests of `stack` and its parts."""

from __future__ import annotations

import numpy as np

from archcast.evidence import Evidence
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")


def accuracy(archs, rng=None, noise=0.0):
    """A function of the cell that is not linear in any encoding: convolutions on the way count, pooling costs."""
    features = np.stack([(archs == 3).sum(1), (archs == 2).sum(1), (archs == 4).sum(1), archs[:, 3] == 1], axis=1)
    wired = SPACE.graphs(archs).pruned().adjacency.any(axis=(1, 2))
    value = np.where(wired, 60 + 8 * np.sqrt(features @ [1.0, 0.5, 0.1, 0.6]), 10.0)
    return value + noise * (0 if rng is None else rng.normal(size=len(archs)))


def problem(n, seed, m=300, noise=1.0):
    rng = np.random.default_rng(seed)
    archs, queries = SPACE.sample(n, rng), SPACE.sample(m, rng)
    return archs, accuracy(archs, rng, noise), queries, accuracy(queries, rng, noise)


def proxies(archs, seed=9):
    rng = np.random.default_rng(seed)
    good = accuracy(archs) + 3 * rng.normal(size=len(archs))
    return Evidence(proxies={"good": good, "noise": rng.normal(size=len(archs)), "bad": -good})

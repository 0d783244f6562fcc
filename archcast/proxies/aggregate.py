"""Aggregates: several proxies of a set of architectures, combined by their ranks into one score for each.

An aggregate is the sum over its proxies of log(r / n), r the rank of an architecture among the n of the set (1 is the
worst, ties share their mean). The logarithm punishes a low rank in one proxy more than it rewards a high one in
another. A score that failed (NaN) ranks below all others. The value of an architecture depends on the set it is in, so
aggregates compare within one set only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from archcast.errors import InvalidInputError, MissingEvidenceError, UnknownNameError
from archcast.registry import closest

__all__ = ["AGGREGATES", "Aggregate", "aggregate", "log_ranks"]


@dataclass(frozen=True)
class Aggregate:
    """What is combined.

    Attributes:
        proxies: names; each counts once.
        summary: one line.
        paper: where it was proposed, with a link.
    """

    proxies: tuple[str, ...]
    summary: str
    paper: str


AGGREGATES: Mapping[str, Aggregate] = {
    "vote": Aggregate(
        ("log_synflow", "az_expressivity", "meco_opt", "meco_relu"),
        "flow, expressivity and channel correlations, chosen on NAS-Bench-201",
        "archcast",
    ),
    "az_nas": Aggregate(
        ("flops", "az_expressivity", "az_progressivity", "az_trainability"),
        "complexity, expressivity, progressivity and trainability",
        "Lee & Ham 2024, https://arxiv.org/abs/2403.19232",
    ),
    "vkdnw_agg": Aggregate(
        ("vkdnw", "az_expressivity", "az_trainability", "flops", "jacob_cov"),
        "Fisher spectrum, expressivity, trainability, complexity and Jacobian covariance",
        "Tybl & Neumann 2025, https://arxiv.org/abs/2502.04975",
    ),
}


def log_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """log(rank / n) of ``(n,)`` values, NaN below all others."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise InvalidInputError(f"values must have shape (n,), got {array.shape}.")
    return np.log(rankdata(np.where(np.isnan(array), -np.inf, array)) / max(len(array), 1))


def aggregate(name: str, scores: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """Score of each architecture of a set, ``(n,)``; higher is better.

    Args:
        name: an aggregate, e.g. ``"az_nas"``.
        scores: proxy -> ``(n,)`` scores of the architectures, NaN for those that failed; other proxies are ignored.

    Raises:
        UnknownNameError: for an unknown aggregate, with the closest names.
        MissingEvidenceError: if a proxy is missing.
        InvalidInputError: if the proxies have different lengths.

    Examples:
        >>> names = ("flops", "az_expressivity", "az_progressivity", "az_trainability")
        >>> scores = {name: [1.0, 3.0, 2.0] for name in names}
        >>> aggregate("az_nas", scores).argmax()
        np.int64(1)
    """
    if name not in AGGREGATES:
        raise UnknownNameError(f"Unknown aggregate {name!r}. {closest(name, sorted(AGGREGATES))}")
    proxies = AGGREGATES[name].proxies
    missing = [proxy for proxy in proxies if proxy not in scores]
    if missing:
        raise MissingEvidenceError(f"The aggregate {name!r} needs the scores of {', '.join(missing)}.")
    ranks = [log_ranks(scores[proxy]) for proxy in proxies]
    if len({len(rank) for rank in ranks}) > 1:
        lengths = ", ".join(f"{proxy} {len(rank)}" for proxy, rank in zip(proxies, ranks))
        raise InvalidInputError(f"The scores of an aggregate must be of the same architectures, got lengths {lengths}.")
    return np.sum(ranks, axis=0)

"""Correlations between samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from archcast.proxies.base import ProxyFailure

__all__ = ["correlations"]


def correlations(rows: Tensor) -> NDArray[np.float64]:
    """Correlation matrix ``(n, n)`` of the rows of an ``(n, d)`` tensor.

    Raises:
        ProxyFailure: for a row that is constant or not finite.
    """
    centred = rows.double()
    centred = centred - centred.mean(dim=1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()) or not bool(norms.isfinite().all()):
        raise ProxyFailure("the gradient of a sample's input is constant or not finite")
    centred = centred / norms
    return (centred @ centred.t()).clamp(-1, 1).cpu().numpy()

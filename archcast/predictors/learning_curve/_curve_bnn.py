"""The Bayesian network of ``lc-bnn``: from an architecture to coefficients of basis curves (Klein et al. 2017).

At the epochs ``t`` of a grid the curve of architecture ``x`` is ::

    y = Phi (m + L u) + s e,    u = g(x) + tau v,    e, v standard normal

The columns of ``Phi`` are a constant and four curves that decay from 1 at epoch 1: a power, an exponential, a Hill and a
logarithmic one, each with a rate and an exponent. These shapes, ``m``, the lower triangular ``L`` and ``s`` are fitted first, to
the curves alone (``g = 0``, ``tau = 1``): the mode of their posterior, ``u`` integrated out. So five numbers ``u`` of unit variance
describe a curve, and the network ``g`` has to say as much of them as it can. Its weights have standard normal priors, are scaled
as in :mod:`archcast.predictors.neural._bnn`, and are sampled by stochastic-gradient Hamiltonian Monte Carlo with ``tau`` integrated
out; its targets are the least-squares values of ``u``, which count as much as the curve tells them. For a new curve the normal
distribution of ``u`` given ``x`` is conditioned on what is seen, in closed form.

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import silu

from archcast.predictors.networks import one_thread, private_random_stream, single
from archcast.predictors.neural._bnn import GAIN, NOISE_RATE, NOISE_SHAPE
from archcast.predictors.neural._sghmc import sample

__all__ = ["Basis", "at_grid", "conditioned", "fit_basis", "grid_of", "learn", "outputs", "points_seen"]

Array = NDArray[np.float64]
Basis = dict[str, Array]
"""``curves`` Phi ``(g, K)``, ``mean`` m ``(K,)``, ``effect`` L ``(K, K)``, ``noise`` s ``()``."""

K = 5
SHAPES = ((-0.5, -0.7), (-2.0, -0.2), (-1.5, 0.2), (0.0, 0.0))
"""Prior means of the logarithms of rate and exponent of each decaying curve; their deviation is 1."""
POINTS = 24


def grid_of(total: int) -> NDArray[np.int64]:
    """Epochs at which curves are looked at: all, or some 24 that are dense at the beginning."""
    if total <= POINTS:
        return np.arange(1, total + 1)
    even, dense = np.linspace(1, total, POINTS // 2), np.geomspace(1, total, POINTS // 2 + 4)
    return np.unique(np.concatenate([even, dense]).round().astype(np.int64))


def points_seen(grid: NDArray[np.int64], seen: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(n,)`` points of the grid among the epochs seen."""
    return np.searchsorted(grid, seen, side="right").astype(np.int64)


def at_grid(grid: NDArray[np.int64], values: Array) -> Array:
    """``(n, g)`` values at the epochs of the grid, NaN where the array ends before."""
    out = np.full((len(values), len(grid)), np.nan)
    inside = grid <= values.shape[1]
    out[:, inside] = values[:, grid[inside] - 1]
    return out


def basis_curves(shapes: Tensor, grid: NDArray[np.int64]) -> Tensor:
    """``Phi`` ``(g, K)`` of ``(K - 1, 2)`` deviations of the shapes from their prior means."""
    rate, power = (shapes + shapes.new_tensor(SHAPES)).clamp(-6, 3).exp().unbind(dim=1)
    scaled = rate * torch.from_numpy(grid - 1)[:, None]
    raised = (scaled + 1e-6).pow(power)
    curves = [
        (1 + scaled[:, 0]).pow(-power[0]),
        (-raised[:, 1]).exp(),
        1 / (1 + raised[:, 2]),
        1 / (1 + power[3] * (1 + scaled[:, 3]).log()),
    ]
    return torch.stack([torch.ones_like(curves[0]), *curves], dim=1)


def _unpack(theta: Tensor, grid: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Phi, m, L and s of the ``(2 (K - 1) + K + K (K + 1) / 2 + 1,)`` numbers that are fitted."""
    shapes, mean, flat, noise = torch.split(theta, [2 * (K - 1), K, K * (K + 1) // 2, 1])
    rows, columns = torch.tril_indices(K, K)
    values = torch.where(rows == columns, flat.clamp(-6, 3).exp(), flat)
    effect = torch.zeros(K, K, dtype=theta.dtype).index_put((rows, columns), values)
    return basis_curves(shapes.view(K - 1, 2), grid), mean, effect, (noise[0] - 2.5).clamp(-7, 3).exp()


def fit_basis(values: Array, seen: NDArray[np.int64], grid: NDArray[np.int64], *, steps: int) -> Basis:
    """The mode of shapes, mean, effect and noise, given ``(n, g)`` standardised curves of which ``(n,)`` points are seen."""
    y, mask = torch.from_numpy(np.nan_to_num(values)), torch.from_numpy(np.arange(len(grid)) < seen[:, None])
    lengths, which = (torch.from_numpy(part) for part in np.unique(seen, return_inverse=True))
    used = (torch.arange(len(grid)) < lengths[:, None]).double()

    def cost(theta: Tensor) -> Tensor:
        curves, mean, effect, noise = _unpack(theta, grid)
        loaded = curves @ effect / noise
        error = (y - curves @ mean) / noise * mask
        factor = torch.linalg.cholesky(torch.eye(K).double() + (used[:, :, None] * loaded).mT @ loaded)
        moment = error @ loaded
        inverse = torch.cholesky_inverse(factor)[which]
        left = error.square().sum() - torch.einsum("ni,nij,nj->", moment, inverse, moment)
        determinant = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)[which].sum() + 2 * mask.sum() * noise.log()
        return (left + determinant + theta.square().sum()) / 2

    def value_and_gradient(theta: Array) -> tuple[float, Array]:
        tensor = torch.tensor(theta, requires_grad=True)
        value = cost(tensor)
        (gradient,) = torch.autograd.grad(value, tensor)
        return float(value.detach()), gradient.numpy()

    with one_thread():
        start = np.zeros(3 * K - 1 + K * (K + 1) // 2)
        found: Any = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": steps})
        with torch.no_grad():
            parts = _unpack(torch.from_numpy(found.x), grid)
    return dict(zip(("curves", "mean", "effect", "noise"), (part.numpy() for part in parts), strict=True))


def conditioned(basis: Basis, values: Array, seen: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64], Array]:
    """What curves say of ``u``: ``(n, K)`` moments, ``(n,)`` lengths as rows of the last, ``(lengths, K, K)`` precisions.

    ``N(a, I b^2)`` beforehand becomes a normal distribution with precision ``P + I / b^2`` and mean ``(P + I / b^2)^-1 (moment +
    a / b^2)``.
    """
    loaded = basis["curves"] @ basis["effect"] / basis["noise"]
    mask = np.arange(values.shape[1]) < seen[:, None]
    error = np.where(mask, np.nan_to_num(values) - basis["curves"] @ basis["mean"], 0.0) / basis["noise"]
    lengths, which = np.unique(seen, return_inverse=True)
    precisions = np.stack([loaded[:length].T @ loaded[:length] for length in lengths])
    return error @ loaded, which, precisions


def learn(
    basis: Basis,
    inputs: Array,
    values: Array,
    seen: NDArray[np.int64],
    widths: Sequence[int],
    *,
    rng: np.random.Generator,
    chains: int,
    burn_in: int,
    draws: int,
    thinning: int,
    step_size: float,
) -> tuple[NDArray[np.float32], float]:
    """Sampled weights ``(draws * chains, p)`` of the network, and the posterior mean of ``tau^2``."""
    moments, which, precisions = conditioned(basis, values, seen)
    # the likelihood of g is that of u with unit prior variance: weight W = P (P + I)^-1 about the least-squares value P^-1 moment
    weights = np.stack([p @ np.linalg.inv(p + np.eye(K)) for p in precisions])[which]
    targets = np.einsum("nij,nj->ni", np.stack([np.linalg.pinv(p, rcond=1e-8) for p in precisions])[which], moments)
    # where a curve tells next to nothing the least-squares value is wild and hardly counts
    x, t, w = single(inputs), single(np.clip(targets, -10, 10)), single(weights)
    freedom = NOISE_SHAPE + K * len(inputs) / 2

    def error(theta: Tensor) -> Tensor:
        off = forward(theta, x, widths) - t
        return torch.einsum("cni,nij,cnj->c", off, w, off) / 2

    size = sum((a + 1) * b for a, b in pairwise([*widths, K]))
    with private_random_stream(rng), one_thread():
        theta = sample(
            lambda theta: freedom * (NOISE_RATE + error(theta)).log() + theta.square().sum(dim=1) / 2,
            torch.randn(chains, size) / 2,
            burn_in=burn_in,
            draws=draws,
            thinning=thinning,
            step_size=step_size,
        ).flatten(0, 1)
        tau2 = (NOISE_RATE + error(theta)) / (freedom - 1)
    return theta.numpy(), float(tau2.mean())


def forward(theta: Tensor, x: Tensor, widths: Sequence[int]) -> Tensor:
    """``(c, p)`` networks on ``(n, widths[0])`` inputs: ``(c, n, K)`` outputs."""
    h, start = x.expand(len(theta), -1, -1), 0
    for inputs, units in pairwise([*widths, K]):
        h = silu(h) if start else h
        stop = start + inputs * units
        weight, bias = theta[:, start:stop].view(-1, inputs, units), theta[:, None, stop : stop + units]
        h = torch.baddbmm(bias, h, weight * (GAIN / math.sqrt(inputs)))
        start = stop + units
    return h


def outputs(samples: NDArray[np.float32], widths: Sequence[int], inputs: Array) -> tuple[Array, Array]:
    """Mean ``(n, K)`` and covariance ``(n, K, K)`` of the sampled networks' outputs."""
    theta = torch.from_numpy(np.array(samples, dtype=np.float64))
    means, covariances = [], []
    with torch.no_grad(), one_thread():
        for start in range(0, len(inputs), 1024):
            out = forward(theta, torch.from_numpy(inputs[start : start + 1024]), widths)
            means.append(out.mean(dim=0))
            covariances.append(torch.einsum("cni,cnj->nij", out - means[-1], out - means[-1]) / len(theta))
    return torch.cat(means).numpy(), torch.cat(covariances).numpy()

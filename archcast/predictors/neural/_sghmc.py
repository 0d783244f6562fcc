"""Stochastic-gradient Hamiltonian Monte Carlo with scale adaptation (Springenberg et al. 2016, "Bayesian Optimization
with Robust Bayesian Neural Networks", https://papers.nips.cc/paper/6117, section 4).

With step size eps, friction a, and V an estimate of the second moment of the gradient of the potential U, a step is ::

    v <- v - eps^2 V^(-1/2) grad U - a v + N(0, 2 a eps^2 V^(-1/2) - eps^4)
    theta <- theta + v

V and its averaging window t adapt during burn-in only, because afterwards the chain must be stationary::

    t <- t - t g^2 / V + 1,   g <- g + (grad U - g) / (t + 1),   V <- V + (grad U^2 - V) / (t + 1)

Chains run side by side in one tensor. We use all data in every step, so the gradient has no noise to correct for and
the paper's term eps^4, which is negligible then, is left out. The noise is ``a (2 - a)`` in place of ``2 a``, which
makes the variance of the velocity exact for finite friction.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["sample"]


def sample(
    potential: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    burn_in: int,
    draws: int,
    thinning: int,
    step_size: float,
    friction: float = 0.05,
) -> Tensor:
    """Samples of the density proportional to ``exp(-potential)``.

    Random numbers come from torch's global generator.

    Args:
        potential: ``(chains, p)`` to ``(chains,)``, each the potential of its row alone.
        start: ``(chains, p)`` first state.
        burn_in: steps thrown away, during which the scales adapt.
        draws: samples kept of each chain.
        thinning: steps from one sample to the next.
        step_size: eps; about the fourth root of the smallest variance, if parameters have variances of order 1 or less.
        friction: a, the share of the velocity lost in a step.

    Returns:
        ``(draws, chains, p)``.
    """
    theta, velocity = start.detach().clone(), torch.zeros_like(start)
    window, average, second = torch.ones_like(start), torch.zeros_like(start), torch.ones_like(start)
    kept = torch.empty(draws, *start.shape, dtype=start.dtype)
    for step in range(burn_in + draws * thinning):
        theta.requires_grad_(True)
        (gradient,) = torch.autograd.grad(potential(theta).sum(), theta)
        theta = theta.detach()
        if step < burn_in:
            rate = 1 / (window + 1)
            window = window + 1 - window * average**2 / second
            average = average + rate * (gradient - average)
            second = (second + rate * (gradient**2 - second)).clamp_min(1.0)
        scale = step_size**2 / second.sqrt()
        noise = torch.randn_like(theta) * (friction * (2 - friction) * scale).sqrt()
        velocity = velocity - scale * gradient - friction * velocity + noise
        theta = theta + velocity
        since = step - burn_in + 1
        if since > 0 and since % thinning == 0:
            kept[since // thinning - 1] = theta
    return kept

"""What a trained supernet says of architectures: losses and accuracies with inherited weights, and the strength of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.checks import callback
from archcast.errors import InvalidInputError, short
from archcast.supernets.base import Norm, Supernet, batch_of, rows_of

__all__ = [
    "Answers",
    "answers_of",
    "dominant_eigenvalue",
    "evaluate",
    "full_model",
    "largest_curvature",
    "moving_statistics",
    "normalised_by",
    "operation_strengths",
    "perturbed_choice",
]

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Answers:
    """What :func:`evaluate` found for ``n`` rows.

    Attributes:
        loss: ``(n,)`` mean cross-entropy in nats.
        accuracy: ``(n,)`` share of right answers, 0 to 1.
        divergence: ``(n,)`` mean KL divergence in nats from the reference's predictions, or NaN without a reference.
    """

    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    divergence: NDArray[np.float64]


class Paths(Protocol):
    """What is asked of a supernet here."""

    def calibrated_by(self, images: int | None) -> AbstractContextManager[None]: ...

    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Iterator[tuple[int, Tensor]]: ...


def evaluate(
    net: Supernet,
    rows: NDArray[np.int64],
    x: Tensor,
    y: Tensor,
    *,
    calibration: Tensor | None = None,
    reference: Tensor | None = None,
    progress: Progress | None = None,
) -> Answers:
    """Loss and accuracy of rows with their shared weights, all images in one batch; what rows share is computed once.

    Args:
        net: the supernet.
        rows: ``(n, d)``.
        x, y: images ``(b, c, h, w)`` and labels ``(b,)``.
        calibration: other images, whose statistics batch norm takes; by default those of ``x``.
        reference: ``(b, classes)`` logits to compare the predictions with.
        progress: is told after each row how many are done.
    """
    if not isinstance(net, Supernet):
        raise InvalidInputError(f"net must be a supernet, got {short(net)}.")
    rows, x = rows_of(net, "rows", rows), batch_of("x", x)
    if not isinstance(y, Tensor) or y.shape != x.shape[:1] or y.dtype != torch.int64:
        raise InvalidInputError(f"y must be a tensor ({len(x)},) of int64 labels, got {short(y)}.")
    if calibration is not None:
        batch_of("calibration", calibration)
    if reference is not None and (not isinstance(reference, Tensor) or reference.ndim != 2 or len(reference) != len(x)):
        raise InvalidInputError(f"reference must be a tensor ({len(x)}, classes) of logits, got {short(reference)}.")
    callback("progress", progress)
    return answers_of(net, rows, x, y, calibration=calibration, reference=reference, progress=progress)


@torch.no_grad()
def answers_of(
    net: Paths,
    rows: NDArray[np.int64],
    x: Tensor,
    y: Tensor,
    *,
    calibration: Tensor | None = None,
    reference: Tensor | None = None,
    progress: Progress | None = None,
) -> Answers:
    """What :func:`evaluate` answers, of anything that has paths, unchecked."""
    out = np.full((3, len(rows)), np.nan)
    first = 0 if calibration is None else len(calibration)
    images = x if calibration is None else torch.cat([calibration, x])
    target = None if reference is None else functional.log_softmax(reference.double(), dim=1)
    with net.calibrated_by(first or None):
        for done, (number, logits) in enumerate(net.paths(images, rows), start=1):
            answer = functional.log_softmax(logits[first:].double(), dim=1)
            out[0, number] = -answer.gather(1, y[:, None]).mean()
            out[1, number] = (answer.argmax(dim=1) == y).double().mean()
            if target is not None:
                out[2, number] = (target.exp() * (target - answer)).sum(dim=1).mean()
            if progress is not None:
                progress(done)
    return Answers(*out)


def _norms(module: nn.Module) -> dict[str, Norm]:
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, Norm)}


def moving_statistics(regime: Any, rows: NDArray[np.int64], x: Tensor, y: Tensor, size: int) -> dict[str, Tensor]:
    """Moving averages of mean and variance ``(2, channels)`` of each norm, by its name, as batch norm has them after a training
    that took one row a batch.

    Args:
        regime: a :class:`~archcast.supernets.loop.Regime`.
        rows: ``(n, d)``, one for each batch.
        x, y: images ``(b, c, h, w)`` and labels ``(b,)``, taken in turn.
        size: images of a batch.
    """
    norms = _norms(regime)
    for layer in norms.values():
        channels = layer.channels
        layer.moving = torch.stack([torch.zeros(channels), torch.ones(channels)]).to(x)
        layer.recording = True
    try:
        for number, row in enumerate(rows):
            turn = torch.arange(number * size, (number + 1) * size, device=x.device) % len(x)
            regime.evaluate(row[None], x[turn], y[turn])
        return {name: layer.moving for name, layer in norms.items() if layer.moving is not None}
    finally:
        for layer in norms.values():
            layer.moving, layer.recording = None, False


@contextmanager
def normalised_by(regime: Any, statistics: Mapping[str, Tensor]) -> Iterator[None]:
    """Within, norms take these statistics, not those of the images."""
    norms = _norms(regime)
    for name, layer in norms.items():
        layer.moving = statistics.get(name)
    try:
        yield
    finally:
        for layer in norms.values():
            layer.moving = None


@torch.no_grad()
def full_model(net: Supernet, x: Tensor) -> Tensor:
    """Logits ``(b, classes)`` of the full model: all operations at every decision, equally weighted."""
    decisions, choices = net.mixed_shape
    return net.mixture(x, torch.full((decisions, choices), 1 / choices, device=x.device))


@torch.no_grad()
def operation_strengths(
    net: Supernet, weights: Tensor, x: Tensor, y: Tensor, decisions: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Strength of every operation of a mixture: how much the validation loss rises when it alone is removed, i.e. when its
    weight is set to 0 without renormalising (Wang et al. 2021, https://arxiv.org/abs/2108.04392).

    Wang et al. measure the accuracy; the loss has no ties among few images.

    Args:
        net: the supernet.
        weights: ``(decisions, choices)``.
        x, y: held-out images and labels.
        decisions: that are asked about; by default all.

    Returns:
        ``(decisions, choices)``; NaN where it was not asked about.
    """

    def loss(mixture: Tensor) -> float:
        return float(functional.cross_entropy(net.mixture(x, mixture).double(), y))

    weights = weights.detach()
    whole = loss(weights)
    strengths = np.full(tuple(weights.shape), np.nan)
    for decision in range(len(weights)) if decisions is None else decisions:
        for choice in range(weights.shape[1]):
            without = weights.clone()
            without[decision, choice] = 0.0
            strengths[decision, choice] = loss(without) - whole if float(weights[decision, choice]) else 0.0
    return strengths


def perturbed_choice(net: Supernet, weights: Tensor, x: Tensor, y: Tensor, seed: int = 0) -> NDArray[np.int64]:
    """``(d,)`` the row of perturbation-based selection (Wang et al. 2021, algorithm 1, without fine-tuning in between):
    decisions in random order, each fixed to its strongest operation before the next is asked about."""
    weights = weights.detach().clone()
    for decision in np.random.default_rng(seed).permutation(len(weights)).tolist():
        strengths = operation_strengths(net, weights, x, y, [decision])[decision]
        strengths[weights[decision].cpu().numpy() == 0] = -np.inf  # what is not there has no strength to compare
        weights[decision] = 0.0
        weights[decision, int(strengths.argmax())] = 1.0
    return net.discretised(weights.cpu().double().numpy())


def dominant_eigenvalue(
    loss: Callable[[Tensor], Tensor], alpha: Tensor, steps: int = 20, tolerance: float = 1e-3, seed: int = 0
) -> float:
    """The eigenvalue of largest size of the Hessian of ``loss`` at ``alpha``, by power iteration on Hessian-vector products
    whose vectors are kept (Lanczos), so that few products are enough.

    Large ones go with sharp minima: good mixtures whose discretisation is bad (Zela et al. 2020,
    https://arxiv.org/abs/1909.09656).

    Args:
        loss: a twice differentiable function of a tensor shaped as ``alpha``.
        alpha: where.
        steps: most iterations.
        tolerance: relative change of the eigenvalue at which it stops.
        seed: of the first vector.

    Examples:
        >>> matrix = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
        >>> round(dominant_eigenvalue(lambda a: a @ matrix @ a / 2, torch.zeros(2), steps=50, tolerance=1e-9), 3)
        3.0
    """
    point = alpha.detach().clone().requires_grad_(True)
    return largest_curvature(loss(point), point, steps, tolerance, seed)


def largest_curvature(loss: Tensor, point: Tensor, steps: int = 20, tolerance: float = 1e-3, seed: int = 0) -> float:
    """The eigenvalue of largest size of the Hessian of a loss in a tensor that it was computed from; 0 where it does not depend
    on it, or only linearly. The arguments are those of :func:`dominant_eigenvalue`."""
    (gradient,) = torch.autograd.grad(loss, point, create_graph=True)
    if not gradient.requires_grad:
        return 0.0
    vector = torch.randn(point.shape, generator=torch.Generator().manual_seed(seed)).to(point).flatten()
    basis: list[Tensor] = []
    projected = torch.zeros(steps, steps, dtype=torch.float64)
    value = 0.0
    for step in range(min(steps, point.numel())):
        for _ in range(2):  # twice is enough
            for other in basis:
                vector = vector - (vector @ other) * other
        norm = vector.norm()
        if step and float(norm) <= 1e-6 * max(abs(value), 1e-12):
            break
        vector = vector / norm.clamp_min(1e-12)
        basis.append(vector)
        (product,) = torch.autograd.grad(
            (gradient.flatten() * vector).sum(), point, retain_graph=True, allow_unused=True
        )
        if product is None:
            return 0.0
        vector = product.detach().flatten()
        projected[step, : step + 1] = projected[: step + 1, step] = (
            torch.stack([vector @ v for v in basis]).double().cpu()
        )
        found = torch.linalg.eigvalsh(projected[: step + 1, : step + 1])
        new = float(found[found.abs().argmax()])
        if step > 2 and abs(new - value) <= tolerance * max(abs(new), 1e-12):
            return new
        value = new
    return value

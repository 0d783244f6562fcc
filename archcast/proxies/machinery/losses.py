"""The default loss of a model: cross-entropy, or what its outputs and targets call for."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from archcast.errors import InvalidInputError
from archcast.proxies.base import ProxyFailure

__all__ = ["LabelsError", "cross_entropy"]


class LabelsError(InvalidInputError):
    """The shape of the labels does not fit the logits."""


def cross_entropy(logits: Tensor, targets: Tensor, *, ignore_index: int = -100, binary: bool = True) -> Tensor:
    """The default loss, a mean over samples.

    Cross-entropy; classes on axis 1, or on the last axis where ``targets`` has the shape of the others. A model with one
    output gets binary cross-entropy with logits for labels 0 and 1, and the mean squared error for other real targets.

    Args:
        logits: ``(n, classes, ...)``, ``(n, ..., classes)``, or ``(n,)`` for one output.
        targets: labels ``(n, ...)``, or real numbers: probabilities of the shape of the logits, or one for each output.
        ignore_index: label that does not count.
        binary: whether real targets of one output are 0 and 1 alone.

    Raises:
        InvalidInputError: labels out of range or of a shape that does not fit.
        ProxyFailure: real targets that do not fit, or no label that counts.
    """
    real = targets.is_floating_point()
    if not real and _classes_last(logits, targets):
        logits, targets = logits.flatten(0, -2), targets.flatten()
    if logits.ndim == 1 or (logits.ndim > 1 and logits.shape[1] == 1) or (real and logits.shape[-1] == 1):
        return _one_output(logits, targets, ignore_index, binary)
    if real:
        if targets.shape != logits.shape:
            raise ProxyFailure(
                f"targets are real numbers of shape {tuple(targets.shape)}, but the logits have shape "
                f"{tuple(logits.shape)}: class labels must be whole numbers. For another task pass loss="
            )
        return F.cross_entropy(logits, targets.to(logits.dtype))
    if logits.ndim < 2 or targets.shape != logits.shape[:1] + logits.shape[2:]:
        raise LabelsError(
            f"targets has shape {tuple(targets.shape)}, which does not fit logits of shape {tuple(logits.shape)}: "
            f"one label for each sample is needed. For another task pass loss=."
        )
    targets = targets.long()
    _check_labels(targets, logits.shape[1], ignore_index)
    return F.cross_entropy(logits, targets, ignore_index=ignore_index)


def _classes_last(logits: Tensor, targets: Tensor) -> bool:
    if logits.ndim < 2 or targets.shape != logits.shape[:-1]:
        return False
    return logits.ndim > 2 and targets.shape != logits.shape[:1] + logits.shape[2:]


def _check_labels(targets: Tensor, classes: int, ignore_index: int) -> None:
    counted = targets != ignore_index
    if not bool(counted.any()):
        raise ProxyFailure(f"every label is {ignore_index}, which is ignored")
    wrong = counted & ((targets < 0) | (targets >= max(classes, 2)))
    if bool(wrong.any()):
        label = int(targets[wrong].flatten()[0])
        ignored = f" If {label} marks what is to be ignored, pass ignore_index={label}."
        outputs = f"{classes} outputs: 0..{classes - 1}" if classes > 1 else "one output, which tells 0 from 1"
        raise InvalidInputError(f"targets holds the label {label}, but the model has {outputs}.{ignored}")


def _one_output(logits: Tensor, targets: Tensor, ignore_index: int, binary: bool) -> Tensor:
    if logits.numel() != targets.numel():
        raise LabelsError(
            f"targets has shape {tuple(targets.shape)}, which does not fit the one output of shape {tuple(logits.shape)}."
        )
    logits, targets = logits.flatten(), targets.flatten()
    if not targets.is_floating_point():
        targets = targets.long()
        _check_labels(targets, 1, ignore_index)
        counted = targets != ignore_index
        logits, targets = logits[counted], targets[counted]
    targets = targets.to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, targets) if binary else F.mse_loss(logits, targets)

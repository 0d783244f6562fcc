"""Random targets that suit the outputs of a model: classes of samples, of tokens or of pixels, yes or no, real numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LOSSES", "labels_for"]

LOSSES = {"auto": False, "cross_entropy": False, "binary": True, "mse": True}
"""Word of ``--loss`` -> whether the targets are real numbers: zeros and ones, or N(0, 1) numbers."""


def labels_for(shape: tuple[int, ...], inputs: Any, loss: str, seed: int) -> Tensor:
    """Targets for logits of a shape.

    Args:
        shape: of the logits, ``(n, ...)``.
        inputs: what the model was given: a text of tokens says which axis of the logits holds the classes.
        loss: a word of :data:`LOSSES`.
        seed: of the draw.

    Examples:
        >>> import torch
        >>> labels_for((4, 16, 1000), {"ids": torch.zeros(4, 16, dtype=torch.long)}, "auto", 0).shape      # a language model
        torch.Size([4, 16])
        >>> labels_for((4, 21, 8, 8), torch.zeros(4, 3, 8, 8), "auto", 0).shape                           # classes of pixels
        torch.Size([4, 8, 8])
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    if loss == "mse":
        return torch.randn(shape, generator=generator)
    if loss == "binary":
        return torch.randint(0, 2, shape, generator=generator).float()
    if len(shape) < 2:
        return torch.randint(0, 2, shape, generator=generator)
    tokens = [tuple(tensor.shape) for tensor in _tensors(inputs) if not tensor.is_floating_point()]
    last = len(shape) > 2 and shape[:-1] in tokens
    classes, rest = (shape[-1], shape[:-1]) if last else (shape[1], shape[:1] + shape[2:])
    return torch.randint(0, max(classes, 2), rest, generator=generator)


def _tensors(value: Any) -> list[Tensor]:
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, (tuple, list)) else [value]
    return [item for item in values if hasattr(item, "is_floating_point")]

"""Counts what any network costs, by watching what torch computes for one batch.

Convolutions, linear layers, recurrent cells, matrix products and attention all arrive at a few operators of torch, whatever
function or module called them; so ``einsum`` and a hand-written attention count like the layers that they replace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archcast.checks import listed, whole
from archcast.costs.conventions import Convention, convention_of
from archcast.errors import USER_ERRORS, InvalidInputError, short

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["count"]


def count(
    model: nn.Module,
    inputs: Tensor | Sequence[Tensor] | Mapping[str, Tensor],
    convention: str = "macs",
    *,
    samples: int | None = None,
) -> dict[str, float]:
    """What a network costs for one sample.

    The network is run once in evaluation mode and left as it was. It may be on the device ``meta``, where nothing is computed
    and weights need no memory.

    Args:
        model: any module.
        inputs: one batch, whose first axis counts samples; a sequence for several inputs, a mapping for inputs by name. A list
            of tensors that the model takes as one argument, as the images of a detector, has a sample in each entry.
        samples: samples in the batch, where the first axis does not count them.
        convention: how operations are counted, one of :data:`~archcast.costs.conventions.CONVENTIONS`.

    Returns:
        ``params``; ``macs`` by the convention; ``activations``, the elements of the outputs of convolutions and
        linear layers; ``depth``, convolutions and linear layers on the longest path to the output; ``resolution``, the height of
        an image, 1 for other inputs. Shared weights are one parameter, and operations each time they are used.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(1024, 10))
        >>> costs = count(model, torch.zeros(1, 3, 8, 8))
        >>> costs["params"], costs["macs"], costs["depth"]
        (10682.0, 37888.0, 2.0)

    Raises:
        InvalidInputError: there is no tensor among the inputs, or the network fails on them.
    """
    import torch

    from archcast.costs._watch import Watch
    from archcast.costs.arguments import as_arguments, samples_of

    if not isinstance(model, torch.nn.Module):
        raise InvalidInputError(f"model must be a torch.nn.Module, got {short(model)}.")
    rule: Convention = convention_of(convention)
    inputs = as_arguments(model, inputs)
    arguments: tuple[Any, ...] = ()
    named: dict[str, Any] = {}
    if isinstance(inputs, Mapping):
        named = dict(inputs)
    elif isinstance(inputs, torch.Tensor):
        arguments = (inputs,)
    else:
        arguments = tuple(listed("inputs", inputs, "tensors"))
    samples = whole("samples", samples, 1) if samples is not None else samples_of(named or arguments)
    if samples == 0:
        raise InvalidInputError("inputs must hold a batch of at least one sample, with samples along the first axis.")
    modes = {module: module.training for module in model.modules()}
    shortcut = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    try:
        torch.backends.mha.set_fastpath_enabled(False)  # it computes attention in one operator that hides its products
        with torch.no_grad(), Watch(rule) as watch:
            outputs = model(*arguments, **named)
    except USER_ERRORS as error:
        first = (str(error).strip().splitlines() or ["no message"])[0]
        raise InvalidInputError(
            f"{type(model).__name__} failed on the inputs: {type(error).__name__}: {first}"
        ) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(shortcut)
        for module, mode in modes.items():
            module.training = mode
    values = (*arguments, *named.values())
    tensors = [t for v in values for t in (v if isinstance(v, list) else [v]) if isinstance(t, torch.Tensor)]
    height = tensors[0].shape[-2] if tensors[0].ndim >= (3 if isinstance(values[0], list) else 4) else 1
    return {
        "params": float(sum(parameter.numel() for parameter in model.parameters())),
        "macs": watch.macs / samples,
        "activations": watch.activations / samples,
        "depth": float(max(watch.depth(outputs), 0)),
        "resolution": float(height),
    }

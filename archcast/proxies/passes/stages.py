"""The pass over the stages of a net: what its blocks put out, and how gradients pass from each to the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.channels import Channels
from archcast.proxies.machinery.initialisation import redrawn
from archcast.proxies.machinery.inputs import tensors_in
from archcast.proxies.machinery.session import Session
from archcast.proxies.passes import makes
from archcast.proxies.passes.shared import NO_PATH

__all__ = ["Stage", "blocks", "run"]

SAMPLES = 64
CHAINS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass
class Stage:
    """The output of one block.

    Attributes:
        entropy: -sum p log p over the eigenvalues of the channels' covariance, divided by their sum.
        gain: largest singular value of the mean product of a random +-1 gradient at this stage and what arrives of it
            at the stage before; ``None`` for the first stage, or if nothing arrives.
        unchanged: whether the gradient arrives exactly as it left.
    """

    entropy: float
    gain: float | None = None
    unchanged: bool = False


def blocks(model: nn.Module, weights: set[int]) -> Iterator[nn.Module]:
    """The building blocks of a model, in the order of its children: what a stage is.

    A block is a module with children of its own, a chain of simple layers that holds a weight, or a single layer with a
    weight. Chains and lists of blocks, and modules that contain one with at least two, are looked into.
    """
    for child in model.children():
        inner = list(child.children())
        if isinstance(child, CHAINS):
            descend = any(True for grandchild in inner for _ in grandchild.children())
        else:
            descend = any(isinstance(c, CHAINS) and sum(map(_is_block, c.children())) > 1 for c in inner)
        if descend:
            yield from blocks(child, weights)
        elif _is_block(child) or any(id(parameter) in weights for parameter in child.parameters()):
            yield child


def _is_block(module: nn.Module) -> bool:
    return not isinstance(module, CHAINS) and any(True for _ in module.children())


@makes("stages", needs=("data", "gradients"))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``stages``: ``[Stage]``, in the order in which the blocks ran, on the first 64 samples, with Kaiming
    weights.
    """
    batch = session.whole(SAMPLES)
    weights = {id(layer.weight) for layer in session.layers}
    outputs: list[Tensor] = []
    axes: list[int] = []
    channels = Channels()

    def done(_module: nn.Module, _args: Any, output: Any) -> None:
        for tensor in tensors_in(output)[:1]:
            if tensor.ndim > 1 and tensor.is_floating_point():
                outputs.append(tensor)
                axes.append(channels.axis_of(tensor))

    with redrawn(session, kaiming=True):
        hooks = [block.register_forward_hook(done) for block in blocks(session.model, weights)]
        try:
            logits = session.forward(batch.leaves()[0], session.tracer(on_call=channels.follow))
        finally:
            for hook in hooks:
                hook.remove()
        axes = [axis for axis, output in zip(axes, outputs) if output is not logits]
        outputs = [output for output in outputs if output is not logits]
        if len(outputs) < 2:
            raise ProxyFailure("fewer than two stages found: the model has no chain of blocks")
        if not all(output.requires_grad for output in outputs):
            raise ProxyFailure(NO_PATH)
        stages = [Stage(_entropy(output.detach(), axis)) for output, axis in zip(outputs, axes)]
        for i in range(len(outputs) - 1, 0, -1):
            _connect(stages[i], (outputs[i], axes[i]), (outputs[i - 1], axes[i - 1]))
    return {"stages": stages}


def _entropy(output: Tensor, axis: int) -> float:
    rows = _rows(output, axis).double()
    rows = rows - rows.mean(dim=0)
    eigenvalues = torch.linalg.eigvalsh(rows.t() @ rows / len(rows)).clamp(min=0)
    shares = eigenvalues / eigenvalues.sum()
    return -float((shares * torch.log(shares + 1e-8)).sum())


def _connect(stage: Stage, here: tuple[Tensor, int], previous: tuple[Tensor, int]) -> None:
    """Fill in what is known of the gradient from a stage's output back to the one before, each with its channels' axis."""
    (output, axis), (before, axis_before) = here, previous
    sent = torch.randint(0, 2, output.shape, device=output.device).to(output.dtype) * 2 - 1
    (arrived,) = torch.autograd.grad(output, before, sent, allow_unused=True, retain_graph=True)
    if arrived is None:
        return
    stage.unchanged = arrived.shape == sent.shape and bool((arrived == sent).all())
    arrived, sent = (t.movedim(a, 1) if t.ndim > 2 else t for t, a in ((arrived, axis_before), (sent, axis)))
    arrived = _fold(arrived, sent)
    left, right = _rows(arrived, 1).double(), _rows(sent, 1).double()
    if len(left) == len(right):
        stage.gain = float(torch.linalg.matrix_norm(left.t() @ right / len(right), 2))


def _fold(arrived: Tensor, sent: Tensor) -> Tensor:
    """Where a stage shrinks its map, put the positions that become one into channels."""
    if arrived.ndim != 4 or arrived.shape[2:] == sent.shape[2:]:
        return arrived
    stride = arrived.shape[2] // sent.shape[2]
    if stride < 2 or arrived.shape[2] != stride * sent.shape[2] or arrived.shape[3] != stride * sent.shape[3]:
        return arrived
    return torch.pixel_unshuffle(arrived, stride)


def _rows(values: Tensor, axis: int) -> Tensor:
    """``(positions, channels)``."""
    return values.movedim(axis, -1).reshape(-1, values.shape[axis])

"""Several networks of one architecture, computed as one network of groups.

A small network on a CPU spends most of its time between operations, not in them. Networks that differ in their weights only, such
as three seeds of one architecture, can share the operations: channels stand side by side, a convolution becomes a grouped
convolution, a batch norm one over all channels, and what has no weights stays as it is. With ``k`` networks the input is
``(b, k * c, h, w)`` and the output ``(b, k * classes)``, block after block; no block sees another.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Linears", "side_by_side", "weights_of"]


class Linears(nn.Module):
    """``k`` linear layers of equal shape: ``(b, k * c_in)`` -> ``(b, k * c_out)``, block after block.

    Args:
        layers: what it computes; their weights are copied.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.count = len(layers)
        self.weight = _joined([layer.weight for layer in layers])
        self.bias = None if layers[0].bias is None else _joined([layer.bias for layer in layers])

    def forward(self, x: Tensor) -> Tensor:
        blocks = x.view(len(x), self.count, -1).transpose(0, 1)
        weight = self.weight.view(self.count, -1, self.weight.shape[1]).transpose(1, 2)
        out = blocks @ weight if self.bias is None else torch.baddbmm(self.bias.view(self.count, 1, -1), blocks, weight)
        return out.transpose(0, 1).reshape(len(x), -1)


def side_by_side(networks: Sequence[nn.Module], images: Tensor) -> nn.Module | None:
    """One network that computes all of them, or ``None`` where channels side by side do not do, as after a concatenation.

    Args:
        networks: of one architecture, in training mode; they are left as they are.
        images: ``(b, c, h, w)`` to try it on.

    Examples:
        >>> networks = [nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()) for _ in range(3)]
        >>> images = torch.randn(2, 1, 5, 5)
        >>> together = side_by_side(networks, images)
        >>> together(images.repeat(1, 3, 1, 1)).shape
        torch.Size([2, 12, 3, 3])
    """
    joint = copy.deepcopy(networks[0])
    for path, layer in list(joint.named_modules()):
        layers = [network.get_submodule(path) for network in networks]
        new: nn.Module
        if isinstance(layer, nn.Conv2d):
            new = _convolutions(layers)  # type: ignore[arg-type]
        elif isinstance(layer, nn.BatchNorm2d):
            new = _batch_norms(layers)  # type: ignore[arg-type]
        elif isinstance(layer, nn.Linear):
            new = Linears(layers)  # type: ignore[arg-type]
        elif any(True for _ in layer.parameters(recurse=False)):
            return None
        else:
            continue
        parent, _, name = path.rpartition(".")
        joint.get_submodule(parent)._modules[name] = new
    return joint if _agree(joint, networks, images) else None


def weights_of(joint: nn.Module, number: int, count: int) -> dict[str, Tensor]:
    """The state of one of the ``count`` networks: its block of every tensor."""
    return {
        name: value.chunk(count)[number].contiguous() if value.ndim else value
        for name, value in joint.state_dict().items()
    }


@torch.no_grad()
def _agree(joint: nn.Module, networks: Sequence[nn.Module], images: Tensor) -> bool:
    """Whether every block is what its network computes; batch norms use the running statistics, and keep them."""
    modes = [network.training for network in networks]
    for network in (joint, *networks):
        network.eval()
    try:
        apart = torch.cat([network(images).flatten(1) for network in networks], dim=1)
        found = joint(images.repeat(1, len(networks), 1, 1)).flatten(1)
    except RuntimeError:  # a layer that wants another number of channels
        return False
    finally:
        joint.train(modes[0])
        for network, mode in zip(networks, modes):
            network.train(mode)
    return found.shape == apart.shape and bool(torch.allclose(found, apart, rtol=1e-3, atol=1e-4))


def _joined(tensors: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.cat([tensor.detach() for tensor in tensors]))


def _convolutions(layers: Sequence[nn.Conv2d]) -> nn.Conv2d:
    first, count = layers[0], len(layers)
    new = copy.deepcopy(first)
    new.in_channels, new.out_channels, new.groups = (
        count * n for n in (first.in_channels, first.out_channels, first.groups)
    )
    new.weight = _joined([layer.weight for layer in layers])
    if first.bias is not None:
        new.bias = _joined([layer.bias for layer in layers if layer.bias is not None])
    return new


def _batch_norms(layers: Sequence[nn.BatchNorm2d]) -> nn.BatchNorm2d:
    first = layers[0]
    new = copy.deepcopy(first)
    new.num_features = len(layers) * first.num_features
    if first.affine:
        new.weight, new.bias = _joined([layer.weight for layer in layers]), _joined([layer.bias for layer in layers])
    for name in ("running_mean", "running_var"):
        new.register_buffer(name, torch.cat([getattr(layer, name) for layer in layers]))
    return new

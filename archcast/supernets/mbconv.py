"""The supernet of chains of inverted residual blocks: elastic kernels, widths and depths (Cai et al. 2020)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace, Task
from archcast.spaces.mbconv.layers import Block, Chain, Conv
from archcast.spaces.mbconv.network import ACTIVATIONS
from archcast.spaces.mbconv.space import MBConvSpace
from archcast.supernets.base import Norm, Supernet
from archcast.supernets.mixtures import Mixture

__all__ = ["ElasticBlock", "Network"]

VARYING = ("mid", "kernel", "expand", "squeeze", "there")
"""What may differ between the blocks of one place."""


def _by_first(x: Tensor, norm: Any) -> Tensor:
    """Batch norm with the first channels of a norm."""
    out: Tensor = norm.part(x, slice(x.shape[1]))
    return out


def _activated(x: Tensor, name: str) -> Tensor:
    out: Tensor = ACTIVATIONS[name]()(x) if name else x
    return out


class Layer(nn.Module):
    """A convolution, batch norm, activation; the same in all rows."""

    def __init__(self, conv: Conv) -> None:
        super().__init__()
        self.activation = conv.activation
        self.conv = nn.Conv2d(conv.c_in, conv.c_out, conv.kernel, conv.stride, conv.kernel // 2, bias=False)
        self.norm = Norm(conv.c_out) if conv.norm else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return _activated(x if self.norm is None else self.norm(x), self.activation)

    def parts(self) -> list[Tensor]:
        """Its parameters, in the order of the stand-alone layer."""
        norm: Any = self.norm
        return [self.conv.weight, *([] if norm is None else [norm.weight, norm.bias])]


class ElasticBlock(nn.Module):
    """An inverted residual block of the most channels and the largest kernel, of which a row takes the first channels and the
    middle of the kernel. Going down from one kernel to the next smaller one, its weights are multiplied by a matrix that all
    channels share and that starts as the identity (Cai et al. 2020, section 3.2).

    Args:
        block: in plain numbers, with the most channels between.
        kernels: sizes that occur.
    """

    def __init__(self, block: Block, kernels: list[int]) -> None:
        super().__init__()
        self.block = block
        mid, most = int(block.mid), max(kernels)
        self.expand = nn.Conv2d(block.c_in, mid, 1, bias=False) if block.expand else None
        self.expand_norm = Norm(mid) if block.expand else None
        self.depthwise = nn.Parameter(torch.empty(mid, 1, most, most))
        nn.init.kaiming_uniform_(self.depthwise, a=5**0.5)
        smaller = list(range(most - 2, min(kernels) - 1, -2))
        self.shrink = nn.ParameterDict({str(k): nn.Parameter(torch.eye(k * k)) for k in smaller})
        self.depthwise_norm = Norm(mid)
        squeeze = int(block.squeeze)
        self.reduce = nn.Conv2d(mid, squeeze, 1) if squeeze else None
        self.excite = nn.Conv2d(squeeze, mid, 1) if squeeze else None
        self.project = nn.Conv2d(mid, block.c_out, 1, bias=False)
        self.project_norm = Norm(block.c_out)

    def kernel(self, mid: int, size: int) -> Tensor:
        """``(mid, 1, size, size)`` the depthwise kernels of the first channels."""
        kernel = self.depthwise[:mid]
        for k in range(self.depthwise.shape[-1] - 2, size - 1, -2):
            inner = kernel[:, :, 1:-1, 1:-1].reshape(mid, k * k)
            kernel = (inner @ self.shrink[str(k)]).view(mid, 1, k, k)
        return kernel

    def forward(self, x: Tensor, numbers: tuple[int, ...]) -> Tensor:
        """``(b, c_in, h, w)`` through the block of these :data:`VARYING` numbers."""
        mid, size, expand, squeeze, there = numbers
        if not there:
            return x
        block, out = self.block, x
        if expand:
            assert self.expand is not None
            out = _by_first(functional.conv2d(out, self.expand.weight[:mid]), self.expand_norm)
            out = _activated(out, block.activation)
        kernel = self.kernel(mid, size)
        out = functional.conv2d(out, kernel, stride=block.stride, padding=size // 2, groups=mid)
        out = _activated(_by_first(out, self.depthwise_norm), block.activation)
        if squeeze:
            assert self.reduce is not None
            assert self.excite is not None
            gate = functional.conv2d(
                out.mean(dim=(2, 3), keepdim=True),
                self.reduce.weight[:squeeze, :mid],
                self.reduce.bias[:squeeze],  # type: ignore[index]
            )
            gate = _activated(gate, block.gate[0])
            gate = functional.conv2d(gate, self.excite.weight[:mid, :squeeze], self.excite.bias[:mid])  # type: ignore[index]
            out = out * _activated(gate, block.gate[1])
        out = self.project_norm(functional.conv2d(out, self.project.weight[:, :mid]))
        return out + x if block.stride == 1 and block.c_in == block.c_out else out

    def parts(self, numbers: tuple[int, ...]) -> list[Tensor]:
        """Its parameters for these numbers, in the order of the stand-alone block."""
        mid, size, expand, squeeze, _ = numbers
        found: list[Any] = []
        if expand:
            assert self.expand is not None
            assert self.expand_norm is not None
            found += [self.expand.weight[:mid], self.expand_norm.weight[:mid], self.expand_norm.bias[:mid]]  # type: ignore[index]
        found += [self.kernel(mid, size), self.depthwise_norm.weight[:mid], self.depthwise_norm.bias[:mid]]  # type: ignore[index]
        if squeeze:
            assert self.reduce is not None
            assert self.excite is not None
            found += [self.reduce.weight[:squeeze, :mid], self.reduce.bias[:squeeze]]  # type: ignore[index]
            found += [self.excite.weight[:mid, :squeeze], self.excite.bias[:mid]]  # type: ignore[index]
        return [*found, self.project.weight[:, :mid], self.project_norm.weight, self.project_norm.bias]


class Network(Supernet):
    """One chain of the widest blocks with the largest kernels and the most layers.

    A row takes of every block the first channels, the inner part of the kernel and, of a stage, the first layers. In a mixture, a
    layer is the sum of the blocks that occur at its place, and of its input where the layer may be missing, by their probabilities.

    Args:
        space: a space of inverted residual blocks without groups.
        affine: must be true.
        partial: must be 1.
        sizes: as of the stand-alone network.
    """

    def __init__(self, space: SearchSpace, *, affine: bool = True, partial: int = 1, **sizes: int) -> None:
        super().__init__(space)
        self.narrow(partial)
        assert isinstance(space, MBConvSpace)
        self.sizes = sizes
        self.rows, self.changed = self._examples()
        chain = self._chain(self.rows)
        found = [self._numbers(layer, len(self.rows)) for layer in chain.layers]
        self.features = nn.ModuleList()
        self.settings: list[dict[tuple[int, ...], list[tuple[tuple[int, int], ...]]]] = []
        for layer, numbers in zip(chain.layers, found, strict=True):
            if not isinstance(layer, Block):
                assert isinstance(layer, Conv)
                self.features.append(Layer(layer))
                self.settings.append({})
                continue
            most = dict(zip(VARYING, numbers.max(axis=0).tolist(), strict=True))
            plain = replace(layer, **(most | {"expand": bool(most["expand"]), "groups": 1}))
            self.features.append(ElasticBlock(plain, sorted(set(numbers[:, 1].tolist()))))
            self.settings.append(self._settings(numbers, len(self.settings)))
        self.head = nn.ModuleList(Layer(conv) for conv in chain.head)
        last = [*chain.layers, *chain.head][-1]
        assert isinstance(last, Conv)
        self.classifier = nn.Linear(last.c_out, chain.classes, bias=chain.bias)

    # -- which numbers go with which choices ----------------------------------------------------------------------------

    def _examples(self) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
        """The largest row, and it with each choice of each column; and which these were."""
        most = np.array(self.cardinalities) - 1
        changed = [(column, choice) for column, many in enumerate(self.cardinalities) for choice in range(many)]
        rows = np.tile(most, (1 + len(changed), 1))
        for number, (column, choice) in enumerate(changed, start=1):
            rows[number, column] = choice
        return self._settled(rows), changed

    def _settled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        settle = getattr(self.space, "settle", None)
        return rows if settle is None else np.asarray(settle(rows))

    def _chain(self, rows: NDArray[np.int64]) -> Chain:
        assert isinstance(self.space, MBConvSpace)
        return self.space.chain(rows, **self.sizes)

    @staticmethod
    def _numbers(layer: Any, n: int) -> NDArray[np.int64]:
        """``(n, 5)`` the :data:`VARYING` numbers of a block for each row."""
        if not isinstance(layer, Block):
            return np.zeros((n, len(VARYING)), dtype=np.int64)
        return np.stack([np.broadcast_to(np.asarray(getattr(layer, name)), n) for name in VARYING], axis=1).astype(
            np.int64
        )

    def _settings(
        self, numbers: NDArray[np.int64], layer: int
    ) -> dict[tuple[int, ...], list[tuple[tuple[int, int], ...]]]:
        """The different blocks of a place, each with the combinations of choices (column, choice) that make it."""
        moves = (numbers[1:] != numbers[:1]).any(axis=1)
        columns = sorted({column for (column, _), moved in zip(self.changed, moves.tolist(), strict=True) if moved})
        combinations = list(itertools.product(*[[(c, k) for k in range(self.cardinalities[c])] for c in columns]))
        rows = np.tile(np.array(self.cardinalities) - 1, (len(combinations), 1))
        for row, combination in zip(rows, combinations, strict=True):
            for column, choice in combination:
                row[column] = choice
        block = self._chain(self._settled(rows)).layers[layer]
        found: dict[tuple[int, ...], list[tuple[tuple[int, int], ...]]] = {}
        for values, combination in zip(self._numbers(block, len(rows)).tolist(), combinations, strict=True):
            key = tuple(values) if values[-1] else (0,) * len(values)
            found.setdefault(key, []).append(combination)
        return found

    # -- forward --------------------------------------------------------------------------------------------------------

    def mixture(
        self,
        x: Tensor,
        weights: Mixture,
        active: NDArray[np.bool_] | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        if scales is not None:
            raise InvalidInputError(f"Space {self.space.name!r} has no edges that could have weights.")
        used = [
            np.ones(len(part), dtype=bool) if part.requires_grad else part.detach().cpu().numpy() != 0
            for part in weights
        ]
        if active is not None:
            used = [np.asarray(active[column]) for column in range(len(used))]
        for number, layer in enumerate(self.features):
            if not self.settings[number]:
                x = layer(x)
                continue
            total: Tensor | None = None
            for numbers, combinations in self.settings[number].items():
                chances = [
                    torch.stack([x.new_ones(()), *(weights[column][choice] for column, choice in combination)]).prod()
                    for combination in combinations
                    if all(used[column][choice] for column, choice in combination)
                ]
                if not chances:
                    continue
                part = torch.stack(chances).sum() * layer(x, numbers)
                total = part if total is None else total + part
            assert total is not None
            x = total
        return self._tail(x)

    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Iterator[tuple[int, Tensor]]:
        """As in :class:`Supernet`; what comes out of a layer is kept until a block up to it changes."""
        chain = self._chain(rows)
        numbers = np.stack([self._numbers(layer, len(rows)) for layer in chain.layers], axis=1)
        keys = [tuple(map(tuple, row)) for row in numbers.tolist()]
        kept: list[Tensor] = []
        before: tuple[tuple[int, ...], ...] = ()
        for number in sorted(range(len(rows)), key=lambda number: keys[number]):
            same = next((k for k, (a, b) in enumerate(zip(before, keys[number])) if a != b), len(before))
            before = keys[number]
            del kept[same:]
            for k in range(len(kept), len(before)):
                layer, value = self.features[k], kept[-1] if kept else x
                kept.append(layer(value, before[k]) if self.settings[k] else layer(value))
            yield number, self._tail(kept[-1])

    def _tail(self, x: Tensor) -> Tensor:
        x = x.mean(dim=(2, 3), keepdim=True)
        for layer in self.head:
            x = layer(x)
        out: Tensor = self.classifier(x.flatten(1))
        return out

    # -- rows -----------------------------------------------------------------------------------------------------------

    def inherited(self, row: NDArray[np.int64]) -> dict[str, Tensor]:
        chain = self._chain(np.asarray(row)[None])
        found: dict[str, Tensor] = {}
        with torch.device("meta"):
            alone: Any = self.space.build(row, _task_of(self.sizes))
        place = 0
        for number, layer in enumerate(chain.layers):
            numbers = tuple(self._numbers(layer, 1)[0].tolist())
            mine: Any = self.features[number]
            if self.settings[number] and not numbers[-1]:
                continue
            parts = mine.parts(numbers) if self.settings[number] else mine.parts()
            names = [name for name, _ in alone.features[place].named_parameters()]
            found |= {f"features.{place}.{name}": part for name, part in zip(names, parts, strict=True)}
            place += 1
        for number, last in enumerate(self.head):
            mine = last
            names = [name for name, _ in alone.head[number].named_parameters()]
            found |= {f"head.{number}.{name}": part for name, part in zip(names, mine.parts(), strict=True)}
        return found | {f"classifier.{name}": value for name, value in self.classifier.named_parameters()}

    def choices_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        active = getattr(self.space, "active", None)
        return rows if active is None else np.where(active(rows), rows, -1)

    def discretised(self, weights: NDArray[np.float64]) -> NDArray[np.int64]:
        return self._settled(super().discretised(weights)[None])[0]

    @property
    def shrinking(self) -> tuple[tuple[int, ...], ...]:
        """Kernels, then depths, then expansions, as in the paper; all at once where columns are called otherwise."""
        groups = [tuple(k for k, name in enumerate(self.space.columns) if name.startswith(kind)) for kind in "kde"]
        return tuple(groups) if all(groups) else super().shrinking

    def mixes_something(self, active: NDArray[np.bool_]) -> bool:
        return bool(np.asarray(active).any(axis=1).all())

    def has_path(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.ones(len(rows), dtype=bool)


def _task_of(sizes: dict[str, int]) -> Task:
    """The task of these sizes: images of any shape, as weights do not depend on it."""
    rest = {name: value for name, value in sizes.items() if name not in ("channels", "classes")}
    return Task((sizes["channels"], 32, 32), sizes["classes"], size=rest)

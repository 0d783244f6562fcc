"""Networks of layers: Kandasamy et al. 2018, https://arxiv.org/abs/1802.07191; Jin et al. 2019, https://arxiv.org/abs/1806.10282."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.graphs import ABSENT
from archcast.spaces.layer_graphs.layers import LABELS, Layers, channels_of, is_pool, loose_ends

__all__ = ["Network"]


def unit(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    """Convolution without bias, batch norm."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(c_out))


class Residual(nn.Module):
    """Two convolutions and a shortcut, of 1x1 where the number of channels changes."""

    def __init__(self, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__()
        self.body = nn.Sequential(unit(c_in, c_out, kernel), nn.ReLU(), unit(c_out, c_out, kernel))
        self.shortcut = nn.Identity() if c_in == c_out else unit(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.shortcut(x))


class Layer(nn.Module):
    """One layer: its sources, each brought down to the smallest, are concatenated; ``add`` and ``concat`` are skip connections."""

    def __init__(self, label: str, given: list[int], c_out: int) -> None:
        super().__init__()
        self.label = label
        kernel = int(label[-1]) if label[-1].isdigit() else 1
        if label.startswith("res"):
            self.body: nn.Module = Residual(sum(given), c_out, kernel)
        elif label == "add":
            self.body = unit(given[1], c_out, 1)
        elif label.endswith("pool"):
            average, most = nn.AvgPool2d(2, ceil_mode=True), nn.MaxPool2d(2, ceil_mode=True)
            self.body = average if label == "avg-pool" else most
        else:
            self.body = nn.Sequential(unit(sum(given), c_out, kernel), nn.ReLU())

    def forward(self, inputs: list[Tensor]) -> Tensor:
        if self.label == "add":
            out: Tensor = inputs[0] + self.body(inputs[1])
        else:
            out = self.body(torch.cat(inputs, dim=1))
        return out


class Network(nn.Module):
    """Layers, the mean over the pixels of all loose ends, linear layers. ``(b, channels, h, w)`` -> ``(b, classes)`` logits."""

    def __init__(self, layers: Layers, *, channels: int, classes: int) -> None:
        super().__init__()
        wide = channels_of(layers, channels)[0].tolist()
        self.halvings, self.sources = [0], []
        self.layers = nn.ModuleList()
        number = {0: 0}  # of the features that are there
        for k, label in enumerate(layers.labels[0].tolist()):
            if label == ABSENT:
                continue
            sources = [source for source in layers.sources[0, k].tolist() if source >= 0]
            self.layers.append(Layer(LABELS[label], [wide[source] for source in sources], wide[k + 1]))
            self.sources.append([number[source] for source in sources])
            number[k + 1] = len(self.halvings)
            deepest = max(self.halvings[source] for source in self.sources[-1])
            self.halvings.append(deepest + int(is_pool(layers.labels[0, k])))
        ends = loose_ends(layers)[0].nonzero()[0].tolist()
        self.ends = [number[end] for end in ends]
        given, dense = sum(wide[end] for end in ends), []
        for units in layers.dense[0].tolist():
            if units:
                dense += [nn.Linear(given, units), nn.ReLU()]
                given = units
        self.head = nn.Sequential(*dense, nn.Linear(given, classes))

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for sources, layer in zip(self.sources, self.layers, strict=True):
            deepest = max(self.halvings[source] for source in sources)
            features.append(layer([shrunk(features[s], deepest - self.halvings[s]) for s in sources]))
        out: Tensor = self.head(torch.cat([features[end].mean(dim=(2, 3)) for end in self.ends], dim=1))
        return out


def shrunk(x: Tensor, halvings: int) -> Tensor:
    """By average pooling."""
    if halvings == 0:
        return x
    return functional.avg_pool2d(x, 2**halvings, ceil_mode=True, count_include_pad=False)

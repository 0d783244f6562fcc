"""The network of ``ft-pfn``: a transformer that reads a partial curve, its architecture, and other curves with theirs.

Not imported before a curve is forecast, because it imports torch.

A prior-data fitted network (Müller et al. 2022, https://arxiv.org/abs/2112.10510) that regresses in context: trained on tasks
drawn from a prior (``tools/train_ft_pfn.py``), it answers with the posterior predictive distribution of that prior, and learns a
new task by reading it, without a step of training.

One token is one curve, cut after some epoch: its features up to the cut, the epochs of cut and goal, its architecture, and,
for the curves in context, what it gained from cut to goal. Curves in context are cut where the curve asked about ends, so what they
gained is what is asked for. A token attends to the curves in context and to itself, never to another question. Every head
weighs a curve down by the squared distance of the architectures, at a rate that is learned. The answer is a histogram
over ``(gain - centre) / unit``, where kernel regressions of the gains in context give the centre and its
leave-one-out errors the unit (:func:`regressions`).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import gelu, softplus

from archcast.predictors.networks import one_thread, single

__all__ = [
    "BARS",
    "COMPONENTS",
    "WEIGHTS",
    "ContextTransformer",
    "Tasks",
    "curve_features",
    "gains",
    "load",
    "tasks_of",
]

BARS = 64
COMPONENTS = 10
"""Principal components of the architectures' features that a token holds."""
WIDTH, LAYERS, HEADS, HIDDEN = 64, 4, 4, 128
LONGEST = 301
"""Epochs enter as ``log1p(t) / log(301)``."""
WEIGHTS = Path(__file__).with_name("ft_pfn.safetensors")
USUAL = 0.15
"""Standard deviation of gains, on [0, 1], before curves in context tell."""
WORTH = 2.0
"""Curves that ``USUAL`` is worth."""
FARTHEST = 5.0
"""Standardised features are clipped there."""
CHUNK = 512
"""Questions a pass."""

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


# -- features of curves ------------------------------------------------------------------------------------------------


def curve_features(curves: Floats, cut: Whole) -> Floats:
    """``(..., 14)`` features of ``(..., T)`` curves in [0, 1] up to epoch ``cut`` ``(...)``; later epochs are not read."""
    number = np.arange(curves.shape[-1])
    read = np.where(number < cut[..., None], curves, 0.0)

    def at(values: Floats, epoch: Whole) -> Floats:
        return np.asarray(np.take_along_axis(values, epoch[..., None] - 1, axis=-1)[..., 0])

    last, first = at(read, cut), read[..., 0]
    total, square = np.cumsum(read, axis=-1), np.cumsum(read * read, axis=-1)
    start = cut - np.maximum(cut // 4, np.minimum(cut, 2))
    many = (cut - start).astype(np.float64)

    def tail(sums: Floats) -> Floats:
        return np.asarray((at(sums, cut) - np.where(start > 0, at(sums, np.maximum(start, 1)), 0.0)) / many)

    tail_mean, tail_square = tail(total), tail(square)
    steps = np.abs(np.diff(read, axis=-1, prepend=read[..., :1]))
    rough = at(np.cumsum(steps, axis=-1), cut) / np.maximum(cut - 1, 1)
    best = at(np.maximum.accumulate(np.where(number < cut[..., None], curves, -np.inf), axis=-1), cut)
    differences = [last - first, best - last, tail_mean - last, at(total, cut) / cut - last]
    differences += [last - at(read, np.maximum(cut - np.maximum(cut // k, 1), 1)) for k in (2, 4, 8)]
    differences += [
        last - at(read, np.maximum(np.rint(share * cut).astype(np.int64), 1)) for share in (0.1, 0.25, 0.75)
    ]
    differences += [rough, np.sqrt(np.maximum(tail_square - tail_mean**2, 0.0)), best - first]
    return np.stack([2 * last - 1, *map(_squeeze, differences)], axis=-1)


def _squeeze(d: Floats) -> Floats:
    """sign(d) log(1 + |d| / .002) / 5: differences of a thousandth and of a tenth are both visible."""
    return np.asarray(np.sign(d) * np.log1p(np.abs(d) / 0.002) / 5, dtype=np.float64)


def times(cut: Whole, goal: Whole, total: Whole) -> Floats:
    """``(..., 6)`` features of the epochs; a training of more than 300 is read as three-hundredths of it."""
    unit = np.maximum(total / (LONGEST - 1), 1.0)
    now, then, whole = cut / unit, goal / unit, total / unit
    logs = [np.log1p(t) / math.log(LONGEST) for t in (now, then - now, whole)]
    return np.stack([*logs, now / whole, then / whole, (then - now) / whole], axis=-1)


# -- tasks -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tasks:
    """``b`` tasks of ``m`` curves in context, then ``q`` questions.

    Attributes:
        tokens: ``(b, m + q, f)``.
        gains: ``(b, m)`` standardised gains in context.
        near: ``(b, m + q, m)`` squared distances of architectures from those in context, over the squared median distance.
        centre, unit: ``(b, m + q)`` and ``(b, 1)``: a gain is ``centre + unit z``.
    """

    tokens: Floats
    gains: Floats
    near: Floats
    centre: Floats
    unit: Floats


def tasks_of(
    curves: Floats, cut: Whole, goal: Whole, total: int, components: Floats, near: Floats, gained: Floats
) -> Tasks:
    """Tokens of curves whose first ``m`` are the context.

    Args:
        curves: ``(b, m + q, T)`` in [0, 1]; read up to ``cut``.
        cut, goal: ``(b, m + q)`` epochs.
        total: epochs of a full training.
        components: ``(b, m + q, 10)`` of the architectures.
        near: ``(b, m + q, m)``, see :class:`Tasks`.
        gained: ``(b, m)`` from cut to goal.
    """
    m = gained.shape[1]
    seen = curve_features(curves, cut)
    known = seen[:, :m]
    middle = known.sum(axis=1, keepdims=True) / (m + 1)
    spread = np.sqrt((np.square(known - middle).sum(axis=1, keepdims=True) + WORTH * 0.05) / (m + WORTH))
    scaled = np.clip((seen - middle) / spread, -FARTHEST, FARTHEST) * (m / (m + 1))
    regressed = regressions(scaled, near, gained, last=(seen[..., 0] + 1) / 2)
    centre, unit = regressed.centre, regressed.unit
    answers = np.clip((regressed.answers - centre[..., None]) / unit[..., None], -FARTHEST, FARTHEST)
    parts = [seen, scaled, times(cut, goal, np.full_like(cut, total)), components, answers, regressed.doubts]
    parts += [_squeeze(centre)[..., None], np.broadcast_to(np.log(unit)[..., None] / 3, (*cut.shape, 1))]
    tokens = np.concatenate([*parts, np.full((*cut.shape, 1), np.log1p(m) / 5)], axis=-1)
    return Tasks(tokens, (gained - centre[:, :m]) / unit, near, centre, unit)


@dataclass(frozen=True)
class Regressed:
    """Gains that regressions of the gains in context expect.

    Attributes:
        answers: ``(b, m + q, 6)`` expectations of the mean and of five kernels; in context each curve is left out of its own.
        doubts: ``(b, m + q, 5)`` their variances, as shares of that of the prior.
        centre: ``(b, m + q)`` the average of the answers, weighted by ``e^-8``, ``e`` the mean square root of the size of their
            errors in context: a few networks that never learn decide little.
        unit: ``(b, 1)`` 1.25 times the mean size of the errors of the centre in context, a standard deviation of normal
            ones, shrunk to the usual one.
    """

    answers: Floats
    doubts: Floats
    centre: Floats
    unit: Floats


def regressions(scaled: Floats, near: Floats, gained: Floats, last: Floats) -> Regressed:
    """Kernel regressions of the gains in context.

    The kernels are squared exponential: of the features of curves; of both these and architectures, the mean of the two and
    their product; the same with twice the lengthscales, the features' scalar product and less noise. The last two regressions, of
    architectures with one lengthscale and with twice that and less noise, expect the level at the goal: they know nothing of the
    beginning of the curve, where one of the gain adds to its last value.

    Args:
        scaled: ``(b, m + q, k)`` standardised features of curves.
        near: ``(b, m + q, m)`` squared distances, see :class:`Tasks`.
        gained: ``(b, m)``.
        last: ``(b, m + q)`` values at the cut.
    """
    b, n, m = near.shape
    mean = gained.sum(axis=1, keepdims=True) / max(m, 1)
    if m < 3:
        mean = mean * m / (m + 1)
        error = np.square(gained - mean).sum(axis=1, keepdims=True)
        unit = np.sqrt((error + WORTH * USUAL**2) / (m + WORTH))
        centre = np.broadcast_to(mean, (b, n))
        return Regressed(np.repeat(centre[..., None], 6, axis=2), np.ones((b, n, 5)), centre, unit)
    square, product = np.square(scaled).sum(axis=-1), scaled @ scaled[:, :m].transpose(0, 2, 1)
    apart = np.maximum(square[:, :, None] + square[:, None, :m] - 2 * product, 0.0) / scaled.shape[-1]
    alike, smooth = np.exp(-near / 2), np.exp(-apart / 2)
    alike2, smooth2 = np.exp(-near / 8), np.exp(-apart / 8)
    both = (alike + smooth + alike * smooth) / 3
    linear = (alike2 + smooth2 + alike2 * smooth2 + product / scaled.shape[-1]) / 4
    left_out = (m * mean - gained) / (m - 1)
    answers, doubts = [np.concatenate([left_out, np.broadcast_to(mean, (b, n - m))], axis=1)], []
    rules = (smooth, 0.1, 0), (both, 0.1, 0), (linear, 0.03, 0), (alike, 0.1, last), (alike2, 0.03, last)
    for kernel, noise, base in rules:
        target = gained + (base[:, :m] if base is last else 0.0)
        middle = target.mean(axis=1, keepdims=True)
        inverse = np.linalg.inv(kernel[:, :m] + noise * np.eye(m))
        weights = (inverse @ (target - middle)[..., None])[..., 0]
        diagonal, cross = np.diagonal(inverse, axis1=1, axis2=2), kernel[:, m:]
        own, asked = target - weights / diagonal, middle + (cross @ weights[..., None])[..., 0]
        answers.append(np.concatenate([own, asked], axis=1) - base)
        doubt = 1 + noise - np.einsum("bqi,bqi->bq", cross @ inverse, cross)
        doubts.append(np.concatenate([1 / diagonal, doubt], axis=1))
    stacked = np.stack(answers)
    errors = np.sqrt(np.abs(stacked[:, :, :m] - gained)).mean(axis=2) + 1e-3
    share = (errors.min(axis=0) / errors) ** 8
    centre = ((share / share.sum(axis=0))[..., None] * stacked).sum(axis=0)
    left = m * (1.25 * np.abs(centre[:, :m] - gained).mean(axis=1, keepdims=True)) ** 2
    usual = np.minimum(USUAL**2, 4 * np.square(gained - mean).mean(axis=1, keepdims=True) + 1e-8)
    unit = np.sqrt((left + WORTH * usual) / (m + WORTH))
    return Regressed(np.stack(answers, axis=-1), np.stack(doubts, axis=-1), centre, unit)


# -- network -----------------------------------------------------------------------------------------------------------


class _Block(nn.Module):
    """Pre-norm block: attention to the context and to oneself, then a feed-forward network, each added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)
        self.rate = nn.Parameter(torch.linspace(-4.0, 2.0, HEADS))

    def forward(self, x: Tensor, near: Tensor) -> Tensor:
        b, n, _ = x.shape
        m = near.shape[2]
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        q = q / math.sqrt(WIDTH // HEADS)
        others = q @ k[:, :, :m].transpose(2, 3) - softplus(self.rate)[:, None, None] * near[:, None]
        share = torch.cat([others, (q * k).sum(dim=-1, keepdim=True)], dim=-1).softmax(dim=-1)
        mixed = share[..., :m] @ v[:, :, :m] + share[..., m:] * v
        x = x + self.out(mixed.transpose(1, 2).reshape(b, n, WIDTH))
        return x + self.down(gelu(self.up(self.norm2(x))))


FEATURES = 14 + 14 + 6 + COMPONENTS + 6 + 5 + 3


class ContextTransformer(nn.Module):
    """Tokens ``(b, m + q, f)``, gains ``(b, m)`` and distances ``(b, m + q, m)`` to the bar logits ``(b, q, 64)`` of the questions.

    ``borders`` ``(65,)`` are the edges of the bars.
    """

    borders: Tensor

    def __init__(self, borders: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("borders", torch.linspace(-8, 8, BARS + 1) if borders is None else borders)
        self.embed, self.gain = nn.Linear(FEATURES, WIDTH), nn.Linear(3, WIDTH)
        self.blocks = nn.ModuleList(_Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, BARS))

    def forward(self, tokens: Tensor, gains: Tensor, near: Tensor) -> Tensor:
        m = gains.shape[1]
        x = self.embed(tokens)
        told = torch.stack([gains.asinh(), gains.clamp(-3, 3), torch.ones_like(gains)], dim=-1)
        x = torch.cat([x[:, :m] + self.gain(told), x[:, m:]], dim=1)
        for block in self.blocks:
            x = block(x, near)
        return self.head(self.norm(x[:, m:]))


@functools.lru_cache(maxsize=4)
def load(path: str | Path = WEIGHTS) -> ContextTransformer:
    """The network in a file, in evaluation mode."""
    from safetensors.numpy import load_file

    with torch.device("meta"):
        network = ContextTransformer()
    weights = {name: torch.from_numpy(value).float() for name, value in load_file(path).items()}
    network.load_state_dict(weights, assign=True)
    return network.eval()


def gains(tasks: Tasks, network: ContextTransformer | None = None) -> tuple[Floats, Floats]:
    """Edges ``(q, 65)`` of bars over the gains that are asked for, of one task, and their probabilities ``(q, 64)``."""
    network = load() if network is None else network
    m = tasks.gains.shape[1]
    tokens, near = tasks.tokens[0], tasks.near[0]
    parts = []
    with torch.no_grad(), one_thread():
        for start in range(m, len(tokens), CHUNK):
            rows = np.r_[:m, start : min(start + CHUNK, len(tokens))]
            logits = network(single(tokens[None, rows]), single(tasks.gains), single(near[None, rows]))
            parts.append(logits[0].double().softmax(dim=-1).numpy())
    edges = tasks.centre[0, m:, None] + tasks.unit[0] * network.borders.double().numpy()
    return edges, np.concatenate(parts)

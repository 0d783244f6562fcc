"""The network of ``lc-pfn``: a causal transformer that reads a partial learning curve and answers with a distribution.

Not imported before a curve is forecast, because it imports torch.

A prior-data fitted network (Müller et al. 2022, https://arxiv.org/abs/2112.10510; for curves Adriaensen et al. 2023,
https://arxiv.org/abs/2310.20447) is trained on synthetic curves to minimise ``-log q(y_q | y_1..y_t)``; at the minimum ``q`` is the
posterior predictive distribution of the prior that the curves were drawn from. ``tools/train_lc_pfn.py`` holds that prior.

There are networks for accuracies and errors, for losses, and for scores of any range, because each of them is scaled in its
own way, see :class:`~archcast.predictors.learning_curve.curves.CurveScale`: 0 is about the worst and 1 the best. At most 40
epochs of a curve become tokens: 30 evenly spaced ones
and the last 10. A token only looks at tokens before it, so one pass trains every prefix. The last token and the epoch asked
for go through a head with 100 outputs: the logits of bars over ``y_q - y_t``, the *increment*, not the level.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from archcast.predictors.networks import one_thread, single

__all__ = ["BARS", "WEIGHTS", "CurveTransformer", "Tokens", "increments", "load", "query_features", "tokenize"]

SPACED, LAST = 30, 10
BARS = 100
WIDTH, LAYERS, HEADS, HIDDEN = 64, 3, 4, 128
LONGEST = 301
"""Epochs enter as ``log1p(t) / log(301)``, which is 1 at the end of the longest curve of the prior."""
WEIGHTS = Path(__file__).with_name("lc_pfn.safetensors")
CHUNK = 256
"""Curves a pass: what a query needs besides its answer does not grow with their number."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tokens:
    """Curves as tokens.

    Attributes:
        features: ``(n, k, 11)``; rows with fewer than ``k`` tokens repeat their last.
        epochs: ``(n, k)`` epoch of each, from 1.
        values: ``(n, k)`` value of each.
        counts: ``(n,)`` number of tokens.
    """

    features: Floats
    epochs: NDArray[np.int64]
    values: Floats
    counts: NDArray[np.int64]


def tokenize(curves: Floats, horizon: NDArray[np.int64], schedule: Floats | None = None) -> Tokens:
    """Tokens of ``(n, e)`` curves, in [0, 1], NaN where unknown, with at least one known value each.

    Args:
        curves: the curves.
        horizon: ``(n,)`` epochs of the whole training.
        schedule: ``(n, T)`` learning rate of each epoch over their maximum, ``T >= e``; a row of NaN is unknown.
    """
    order = np.argsort(np.isnan(curves), axis=1, kind="stable")  # known epochs first, in their order
    values, known = np.take_along_axis(curves, order, axis=1), (~np.isnan(curves)).sum(axis=1)
    stride = -(-horizon // (LONGEST - 1))  # more than one where trainings are longer than any of the prior
    read = -(-known // stride)
    highest = np.maximum.accumulate(np.where(np.isnan(values), -np.inf, values), axis=1)
    k = np.arange(min(SPACED + LAST, int(read.max())))
    spaced = np.rint(k * (read[:, None] - LAST - 1) / (SPACED - 1)).astype(np.int64)
    many = np.where(k < SPACED, spaced, read[:, None] - SPACED - LAST + k)
    index = np.where(read[:, None] > SPACED + LAST, many, np.minimum(k, read[:, None] - 1))
    pick = known[:, None] - 1 - (read[:, None] - 1 - index) * stride[:, None]
    t, y = np.take_along_axis(order, pick, axis=1) + 1, np.take_along_axis(values, pick, axis=1)
    epoch, whole = _clock(t, horizon), _clock(np.broadcast_to(horizon[:, None], t.shape), horizon)
    before, since = np.c_[y[:, :1], y[:, :-1]], np.c_[np.zeros(len(t)), np.diff(epoch, axis=1)]
    features = [
        2 * y - 1,
        _log(epoch),
        epoch / whole,
        _log(whole),
        _squeeze(y - before),
        _squeeze(y - y[:, :1]),
        _squeeze(np.take_along_axis(highest, pick, axis=1) - y),
        np.log1p(since) / 2,
        10 * (y - before),
        *_rates(schedule, t),
    ]
    return Tokens(np.stack(features, axis=2), t, y, np.minimum(read, len(k)))


def query_features(
    t: NDArray[np.int64], asked: NDArray[np.int64], horizon: NDArray[np.int64], schedule: Floats | None = None
) -> Floats:
    """``(n, q, 7)`` features of being at epochs ``t`` and asked for epochs ``asked``, both ``(n, q)``; others as above."""
    now, then, whole = (_clock(x, horizon) for x in (t, asked, np.broadcast_to(horizon[:, None], t.shape)))
    parts = [_log(then), then / whole, _log(then - now), (then - now) / whole, now / whole, *_rates(schedule, asked)]
    return np.stack(parts, axis=2)


def _clock(t: NDArray[np.int64], horizon: NDArray[np.int64]) -> Floats:
    """Epochs; in a training of more than 300, three-hundredths of it."""
    return t / np.maximum(horizon / (LONGEST - 1), 1)[:, None]


def _log(t: Floats) -> Floats:
    return np.asarray(np.log1p(t) / math.log(LONGEST), dtype=np.float64)


def _squeeze(d: Floats) -> Floats:
    """sign(d) log(1 + |d| / .002) / 5: differences of a thousandth and of a tenth are both visible."""
    return np.asarray(np.sign(d) * np.log1p(np.abs(d) / 0.002) / 5, dtype=np.float64)


def _rates(schedule: Floats | None, t: NDArray[np.int64]) -> list[Floats]:
    """Learning rate at epochs ``t`` (0 if unknown), and whether it is known."""
    if schedule is None:
        return [np.zeros(t.shape), np.zeros(t.shape)]
    rate = np.take_along_axis(schedule, t - 1, axis=1)
    return [np.nan_to_num(rate), (~np.isnan(rate)).astype(np.float64)]


class _Block(nn.Module):
    """Pre-norm block: causal attention, then a feed-forward network, each added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor, last: Tensor | None = None) -> Tensor:
        """``(n, k, 64)``, or of the token ``last`` ``(n,)`` of each row alone, ``(n, 1, 64)``."""
        n, k, _ = x.shape
        q, key, v = self.qkv(self.norm1(x)).view(n, k, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        if last is None:
            mixed = scaled_dot_product_attention(q, key, v, is_causal=True)
        else:
            rows = torch.arange(n)
            x, q = x[rows, last][:, None], q[rows, :, last][:, :, None]
            before = (torch.arange(k) <= last[:, None])[:, None, None]
            mixed = scaled_dot_product_attention(q, key, v, attn_mask=before)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, -1, WIDTH))
        return x + self.down(gelu(self.up(self.norm2(x))))


class CurveTransformer(nn.Module):
    """Token features ``(n, k, 11)`` and query features ``(n, k, 7)``, one for each token, to bar logits ``(n, k, 100)``.

    ``borders`` ``(101,)`` are the edges of the bars.
    """

    borders: Tensor

    def __init__(self, borders: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("borders", torch.linspace(-1, 1, BARS + 1) if borders is None else borders)
        self.embed = nn.Linear(11, WIDTH)
        self.blocks = nn.ModuleList(_Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Sequential(nn.Linear(WIDTH + 7, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, BARS))

    def read(self, tokens: Tensor, last: Tensor | None = None) -> Tensor:
        """``(n, k, 64)``: what is known after each token; or ``(n, 1, 64)`` after the token ``last`` ``(n,)`` of each row."""
        x = self.embed(tokens)
        for block in self.blocks[:-1]:
            x = block(x)
        return self.norm(self.blocks[-1](x, last))

    def forward(self, tokens: Tensor, queries: Tensor) -> Tensor:
        return self.head(torch.cat([self.read(tokens), queries], dim=-1))


@functools.lru_cache(maxsize=4)
def load(path: str | Path = WEIGHTS) -> dict[str, tuple[CurveTransformer, ...]]:
    """The networks in a file, in evaluation mode, by the kind of curves that they read; answers of a kind are averaged."""
    from safetensors.numpy import load_file

    arrays: dict[tuple[str, str], dict[str, Tensor]] = {}
    for name, value in load_file(path).items():
        kind, member, rest = name.split(".", 2)
        arrays.setdefault((kind, member), {})[rest] = torch.from_numpy(value).float()
    networks: dict[str, tuple[CurveTransformer, ...]] = {}
    for (kind, _), weights in sorted(arrays.items()):
        with torch.device("meta"):
            network = CurveTransformer()
        network.load_state_dict(weights, assign=True)
        networks[kind] = (*networks.get(kind, ()), network.eval())
    return networks


def increments(
    curves: Floats,
    horizon: NDArray[np.int64],
    schedule: Floats | None = None,
    *,
    kind: str = "share",
    networks: tuple[Any, ...] | None = None,
    asked: NDArray[np.int64] | None = None,
) -> tuple[Floats, Floats]:
    """Distribution of ``y_asked - y_last`` for ``(n, e)`` curves in [0, 1].

    Args:
        curves, horizon, schedule: as in :func:`tokenize`.
        kind: ``"share"``, ``"loss"`` or ``"score"``: which of the shipped networks of :func:`load` answer.
        networks: others.
        asked: ``(n,)`` epochs that are forecast; the last, ``horizon``, by default.

    Returns:
        Borders ``(101,)`` and probabilities ``(n, 100)`` of the bars between them.
    """
    networks = load()[kind] if networks is None else networks
    out = []
    for start in range(0, len(curves), CHUNK):
        rows = slice(start, start + CHUNK)
        rates = None if schedule is None else schedule[rows]
        tokens = tokenize(curves[rows], horizon[rows], rates)
        last = tokens.counts - 1
        t = np.take_along_axis(tokens.epochs, last[:, None], axis=1)
        goal = horizon[rows] if asked is None else asked[rows]
        known, asking = single(tokens.features), single(query_features(t, goal[:, None], horizon[rows], rates)[:, 0])
        with torch.no_grad(), one_thread():
            parts = []
            for network in networks:
                state = network.read(known, torch.from_numpy(last))[:, 0]
                parts.append(network.head(torch.cat([state, asking], dim=-1)).double().softmax(dim=-1))
            out.append(torch.stack(parts).mean(dim=0).numpy())
    return networks[0].borders.double().numpy(), np.concatenate(out)

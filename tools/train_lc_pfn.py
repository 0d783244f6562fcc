"""Train the network of the predictor ``lc-pfn`` on synthetic learning curves and write its weights.

    python tools/train_lc_pfn.py --out archcast/predictors/learning_curve/lc_pfn.safetensors [--steps 1600] [--members 2] [--seed 0]

No measured curve is used: curves are drawn from the prior below, which has the shapes, the noise and the size of the
increments of real ones. A step takes .07 s on a free core, so the two networks of 1,600 steps take four minutes.

**Prior.** Epochs ``T`` are log-uniform between 5 and 300. A curve is ``y = chance + (top - chance) g(t)`` plus noise, ``g``
a mixture of two of five saturating shapes. In half of the curves a learning-rate schedule bends it, ``g (1 - c rate^q)``:
what a high rate holds back appears when it falls. The network is told the schedule of half of all curves, constant or not.
Then: late starts, overfitting, networks that never learn, spikes, divergence, falling curves, autocorrelated and
heavy-tailed noise. The median increments from 10, 25 and 50 % of the epochs to the last, .12, .06 and .025, are near those
of real curves.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from archcast.predictors.learning_curve._pfn import BARS, CurveTransformer, query_features, tokenize
from archcast.predictors.networks import one_thread, private_random_stream, single

SHORTEST, LONGEST = 5, 300
EPOCH = np.arange(1, LONGEST + 1)[None, :]
NARROWEST = 3e-4
"""Least width of a bar."""
BORDER_CURVES = 4000
"""Curves whose increments place the bars."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Synthetic curves.

    Attributes:
        values: ``(n, 300)`` in [0, 1], NaN beyond the horizon.
        horizon: ``(n,)`` epochs.
        schedule: ``(n, 300)`` learning rates over their maximum; a row of NaN is hidden from the network.
    """

    values: Floats
    horizon: NDArray[np.int64]
    schedule: Floats


def prior(n: int, rng: np.random.Generator) -> Curves:
    """Draw ``n`` curves."""
    horizon = np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST + 1), n)).astype(np.int64)
    share = EPOCH / horizon[:, None]
    rate = schedules(share, horizon, rng)
    scheduled = _some(0.5, n, rng)
    delay = np.where(_some(0.05, n, rng), rng.uniform(0, 0.3, (n, 1)) * horizon[:, None], 0)
    t = np.maximum(EPOCH - delay, 0.01)
    mix = rng.uniform(0, 1, (n, 1))
    g = mix * shape(t, horizon, rng) + (1 - mix) * shape(t, horizon, rng)
    held = np.where(scheduled, 0.6 * rng.uniform(0, 1, (n, 1)) ** 2, 0)
    g = g * (1 - held * rate ** _log_uniform(0.3, 2, (n, 1), rng))
    dead = _some(0.06, n, rng)
    g = g * np.where(dead, 0.01, 1)
    late = np.maximum(share - rng.uniform(0.1, 0.9, (n, 1)), 0)
    g = g - np.where(_some(0.12, n, rng), _log_uniform(0.01, 0.2, (n, 1), rng), 0) * late

    levels = np.array([0.0, 0.001, 0.005, 0.01, 0.1, 0.2, 0.5])
    chance = np.where(_some(0.4, n, rng), rng.uniform(0, 0.6, (n, 1)), rng.choice(levels, (n, 1), p=_CHANCE))
    top = chance + (1 - chance) * rng.uniform(0, 1, (n, 1)) ** 0.7
    y = chance + (top - chance) * g
    y = np.where(_some(0.02, n, rng), top - (top - chance) * g, y)

    sd = np.minimum(np.exp(np.log(0.004) + 1.1 * rng.standard_normal((n, 1))), 0.1)
    quiet = rng.uniform(0, 1, (n, 1))
    sd = sd * np.where(scheduled, quiet + (1 - quiet) * np.sqrt(rate), 1)
    sd = sd * np.where(_some(0.3, n, rng), np.clip(1.2 - g, 0.1, 1), 1)
    sd = sd * np.where(dead, rng.choice([0.01, 0.1, 1], (n, 1)), 1)
    y = y + sd * noise(n, rng)
    often = np.where(_some(0.1, n, rng), _log_uniform(0.005, 0.1, (n, 1), rng), 0)
    spike = rng.uniform(0, 1, y.shape) < often
    y = np.where(spike, chance + (y - chance) * rng.uniform(0, 1, y.shape), y)
    end = np.where(_some(0.015, n, rng), rng.uniform(0, 1, (n, 1)), 2)
    y = np.where(share > end, chance, y)
    y = np.where(share <= 1, np.clip(y, 0, 1), np.nan)
    shown = _some(0.5, n, rng)
    return Curves(y, horizon, np.where(shown, np.where(scheduled, rate, 1.0), np.nan))


_CHANCE = [0.08, 0.08, 0.06, 0.14, 0.4, 0.1, 0.14]


def shape(t: Floats, horizon: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """``(n, 300)`` saturating curves from 0 to 1, one of five families for each row."""
    n = len(t)
    scale = np.where(
        _some(0.65, n, rng), _log_uniform(0.3, 20, (n, 1), rng), horizon[:, None] * _log_uniform(0.02, 0.7, (n, 1), rng)
    )
    u = t / scale
    family = rng.choice(5, n, p=[0.22, 0.34, 0.24, 0.03, 0.17])
    out = np.empty(t.shape)
    power = {0: (0.5, 2.5), 1: (0.4, 1.5), 2: (0.8, 3.0), 3: (1.0, 1.0), 4: (0.5, 1.5)}
    for k, (low, high) in power.items():
        rows = family == k
        v, a = u[rows], _log_uniform(low, high, (int(rows.sum()), 1), rng)
        out[rows] = (
            1 - (1 + v) ** -a,  # power law
            1 - np.exp(-(v**a)),  # Weibull
            v**a / (1 + v**a),  # Hill
            1 - np.log(2) / np.log(v + 2),  # inverse logarithm
            np.exp(-(v**-a)),  # vapour pressure
        )[k]
    return out


def schedules(share: Floats, horizon: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """``(n, 300)`` learning rates over their maximum: constant, cosine, linear, one-cycle, step drops, sawtooth."""
    n = len(share)
    s = np.clip((EPOCH - 1) / horizon[:, None], 0, 1)  # what is behind at the start of the epoch
    peak = rng.uniform(0.1, 0.4, (n, 1))
    drops = rng.uniform(0.2, 0.95, (n, 3))
    drops[:, 1:] = np.where(np.arange(1, 3) < rng.integers(1, 4, (n, 1)), drops[:, 1:], 2.0)
    factor = _log_uniform(0.05, 0.5, (n, 1), rng)
    period = rng.uniform(0.1, 0.4, (n, 1))
    kinds = np.stack(
        [
            np.ones_like(s),
            (1 + np.cos(np.pi * s)) / 2,
            1 - s,
            np.where(s < peak, 0.05 + 0.95 * s / peak, (1 + np.cos(np.pi * (s - peak) / (1 - peak))) / 2),
            factor ** (s[:, :, None] >= drops[:, None, :]).sum(axis=2),
            (1 + np.cos(np.pi * (s % period) / period)) / 2,
        ]
    )
    kind = rng.choice(6, n, p=[0.28, 0.27, 0.10, 0.10, 0.22, 0.03])
    return np.asarray(kinds[kind, np.arange(n)])


def noise(n: int, rng: np.random.Generator) -> Floats:
    """``(n, 300)`` noise of unit scale: white or autocorrelated, normal or heavy-tailed."""
    white = rng.standard_normal((n, LONGEST))
    white = np.where(_some(0.3, n, rng), rng.standard_t(3, white.shape) / np.sqrt(3), white)
    rho = np.where(_some(0.3, n, rng), rng.uniform(0.3, 0.95, (n, 1)), 0)[:, 0]
    for t in range(1, LONGEST):
        white[:, t] = rho * white[:, t - 1] + np.sqrt(1 - rho**2) * white[:, t]
    return white


def _some(share: float, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    return rng.uniform(0, 1, (n, 1)) < share


def _log_uniform(low: float, high: float, size: tuple[int, int], rng: np.random.Generator) -> Floats:
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


# -- training ----------------------------------------------------------------------------------------------------------


def batch(n: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, queries, true increments and whether they count, of random prefixes of ``n`` fresh curves."""
    curves = prior(n, rng)
    seen = np.ceil(rng.uniform(0.05, 1, n) * (curves.horizon - 1)).astype(np.int64)
    tokens = tokenize(np.where(seen[:, None] >= EPOCH, curves.values, np.nan), curves.horizon, curves.schedule)
    ahead = curves.horizon[:, None] - tokens.epochs
    some = tokens.epochs + 1 + np.floor(rng.uniform(0, 1, ahead.shape) * ahead).astype(np.int64)
    asked = np.where(rng.uniform(0, 1, ahead.shape) < 0.6, curves.horizon[:, None], some)
    asked = np.minimum(asked, curves.horizon[:, None])
    truth = np.take_along_axis(curves.values, asked - 1, axis=1) - tokens.values
    counts = np.arange(truth.shape[1]) < tokens.counts[:, None]
    queries = query_features(tokens.epochs, asked, curves.horizon, curves.schedule)
    return single(tokens.features), single(queries), single(truth), torch.from_numpy(counts)


def bar_borders(rng: np.random.Generator, n: int | None = None) -> torch.Tensor:
    """``(101,)`` edges from -1 to 1: quantiles of the increments of the prior, at least ``NARROWEST`` apart."""
    _, _, truth, counts = batch(n or BORDER_CURVES, rng)
    inner = np.quantile(truth[counts].numpy(), np.linspace(0, 1, BARS + 1)[1:-1])
    middle = int(np.argmin(np.abs(inner)))
    for k in range(middle + 1, len(inner)):
        inner[k] = max(inner[k], inner[k - 1] + NARROWEST)
    for k in range(middle - 1, -1, -1):
        inner[k] = min(inner[k], inner[k + 1] - NARROWEST)
    return single(np.concatenate([[-1.0], inner, [1.0]]))


def loss(
    network: CurveTransformer, tokens: torch.Tensor, queries: torch.Tensor, truth: torch.Tensor, counts: torch.Tensor
) -> torch.Tensor:
    """Mean negative log density of the true increments."""
    bar = torch.bucketize(truth, network.borders[1:-1])
    density = network(tokens, queries).log_softmax(dim=-1) - network.borders.diff().log()
    return -(density.gather(2, bar[..., None])[..., 0] * counts).sum() / counts.sum()


@one_thread()
def train(
    steps: int, rng: np.random.Generator, *, curves: int = 64, borders: torch.Tensor, report: int = 0
) -> dict[str, NDArray[np.float32]]:
    """Weights of a network after ``steps`` steps: AdamW, warm-up, constant to 60 %, linear to 2 %; their moving average."""
    with private_random_stream(rng):
        network = CurveTransformer(borders)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    warm, flat = min(300, steps // 4), int(0.6 * steps)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    start, recent = time.perf_counter(), []
    for step in range(steps):
        rate = min(1.0, (step + 1) / max(warm, 1))
        if step > flat:
            rate = 1 - 0.98 * (step - flat) / (steps - flat)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * rate
        optimizer.zero_grad()
        value = loss(network, *batch(curves, rng))
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        keep = min(0.998, step / (step + 10))
        for name, weight in network.state_dict().items():
            mean[name].lerp_(weight, 1 - keep)
        recent.append(value.item())
        if report and (step + 1) % report == 0:
            print(
                f"step {step + 1}: loss {np.mean(recent[-report:]):.3f}, {time.perf_counter() - start:.0f} s",
                flush=True,
            )
    return {name: value.numpy() for name, value in mean.items()}


def main() -> None:
    """Train, average, write."""
    from safetensors.numpy import save_file

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--curves", type=int, default=64, help="curves a step")
    parser.add_argument("--members", type=int, default=2, help="networks whose answers are averaged")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    borders = bar_borders(np.random.default_rng(options.seed))
    arrays = {}
    for member in range(options.members):
        rng = np.random.default_rng([options.seed, member])
        weights = train(options.steps, rng, curves=options.curves, borders=borders, report=100)
        for name, value in weights.items():
            arrays[f"{member}.{name}"] = value if name == "borders" else value.astype(np.float16)
        save_file(arrays, options.out)


if __name__ == "__main__":
    main()

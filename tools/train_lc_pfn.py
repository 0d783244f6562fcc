"""Train the networks of the predictor ``lc-pfn`` on synthetic learning curves and write their weights.

    python tools/train_lc_pfn.py --out lc_pfn.safetensors [--kinds share,loss,score] [--steps 1600] [--members 2] [--seed 0]

No measured curve is used: curves are drawn from the priors below, which have the shapes, the noise and the size of the
increments of real ones. A step takes .07 s on a free core, so six networks of 1,600 steps take eleven minutes.

**Priors**, a network each. Epochs ``T`` are log-uniform between 5 (shares) or 3 and 300. Progress ``g(t)`` from 0 to about 1 is a
mixture of two of five saturating shapes; some start late, some losses and scores wait on a plateau and jump. In half of the
curves a learning-rate schedule bends it, ``g (1 - c rate^q)``: what a high rate holds back appears when it falls. The network
is told the schedule of half of all curves, constant or not.

- *Shares*, accuracies and errors: ``y = chance + (top - chance) g(t)`` plus noise, in [0, 1].
- *Losses* fall from about 1, in proportion to ``1 - g`` or by factors, ``exp(-a g)``; noise is a factor. One in five rises again,
  by up to one and a half times its first value. The network sees ``1 - loss / worst so far``, or, for three in ten, the
  range that others would tell.
- *Scores* have any range and much noise. The network sees them from the lowest (0) to the highest so far (1/2).

All kinds: networks that never learn, that get worse again, spikes, divergence, autocorrelated and heavy-tailed noise. The median
increments of shares from 10, 25 and 50 % of the epochs to the last, .12, .06 and .025, are near those of real curves.
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

LONGEST = 300
EPOCH = np.arange(1, LONGEST + 1)[None, :]
NARROWEST = 3e-4
"""Least width of a bar."""
BORDER_CURVES = 4000
"""Curves whose increments place the bars."""

FURTHEST = {"share": 1.0, "loss": 3.0, "score": 20.0}
"""Kinds of curves, a network each, and the greatest increment or loss of them."""
TOLD = 0.3
"""Losses and scores whose range complete curves tell."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Synthetic curves.

    Attributes:
        values: ``(n, 300)``, NaN beyond the horizon. Shares and scores rise, losses fall from about 1 towards 0.
        horizon: ``(n,)`` epochs.
        schedule: ``(n, 300)`` learning rates over their maximum; a row of NaN is hidden from the network.
        kind: ``"share"``, ``"loss"`` or ``"score"``.
    """

    values: Floats
    horizon: NDArray[np.int64]
    schedule: Floats
    kind: str


def prior(n: int, rng: np.random.Generator, kind: str = "share") -> Curves:
    """Draw ``n`` curves."""
    return shares(n, rng) if kind == "share" else others(n, rng, kind)


def epochs(shortest: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``(n,)`` epochs of whole trainings."""
    return np.exp(rng.uniform(np.log(shortest), np.log(LONGEST + 1), n)).astype(np.int64)


def shares(n: int, rng: np.random.Generator) -> Curves:
    """Accuracies and their like, in [0, 1]."""
    horizon = epochs(5, n, rng)
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
    return Curves(y, horizon, np.where(shown, np.where(scheduled, rate, 1.0), np.nan), "share")


def others(n: int, rng: np.random.Generator, kind: str) -> Curves:
    """Losses or scores."""
    horizon = epochs(3, n, rng)
    share = EPOCH / horizon[:, None]
    rate = schedules(share, horizon, rng)
    scheduled = _some(0.5, n, rng)
    held = np.where(scheduled, 0.6 * rng.uniform(0, 1, (n, 1)) ** 2, 0)
    dead = _some(0.06, n, rng)
    g = progress(share, horizon, rng) * (1 - held * rate ** _log_uniform(0.3, 2, (n, 1), rng)) * np.where(dead, 0.01, 1)
    quiet = rng.uniform(0, 1, (n, 1))
    loud = np.where(scheduled, quiet + (1 - quiet) * np.sqrt(rate), 1)
    loud = loud * np.where(dead, rng.choice([0.01, 0.1, 1], (n, 1)), 1)
    wobble = loud * noise(n, rng)
    y = (losses if kind == "loss" else scores)(g, share, wobble, rng)
    shown = _some(0.5, n, rng)
    hidden = np.where(shown, np.where(scheduled, rate, 1.0), np.nan)
    return Curves(np.where(share <= 1, y, np.nan), horizon, hidden, kind)


def progress(share: Floats, horizon: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """``(n, 300)`` from 0 to about 1: two shapes mixed, some of them late, some after a jump."""
    n = len(share)
    delay = np.where(_some(0.1, n, rng), rng.uniform(0, 0.5, (n, 1)) * horizon[:, None], 0)
    t = np.maximum(EPOCH - delay, 0.01)
    mix = rng.uniform(0, 1, (n, 1))
    g = mix * shape(t, horizon, rng) + (1 - mix) * shape(t, horizon, rng)
    past = (share - rng.uniform(0, 1, (n, 1))) / _log_uniform(0.005, 0.1, (n, 1), rng)
    jump = rng.uniform(0, 1, (n, 1)) * np.where(_some(0.08, n, rng), 1, 0)
    return g * (1 - jump + jump / (1 + np.exp(-np.clip(past, -30, 30))))


def losses(g: Floats, share: Floats, wobble: Floats, rng: np.random.Generator) -> Floats:
    """Positive, from about 1: linear in ``g``, or by factors; noise is a factor too."""
    n = len(g)
    left = np.where(_some(0.25, n, rng), 0.0, rng.uniform(0, 1, (n, 1)) ** 1.5)
    y = np.where(_some(0.5, n, rng), left + (1 - left) * (1 - g), np.exp(-_log_uniform(0.4, 8, (n, 1), rng) * g))
    y = np.maximum(y, 1e-6) + worse(0.22, 0.02, 1.5, share, rng)
    sd = np.minimum(np.exp(np.log(0.015) + 1.1 * rng.standard_normal((n, 1))), 0.3)
    y = y * np.exp(np.clip(sd * wobble, -2, 2))
    often = np.where(_some(0.1, n, rng), _log_uniform(0.005, 0.1, (n, 1), rng), 0)
    y = np.where(rng.uniform(0, 1, y.shape) < often, y + (1 - y) * rng.uniform(0, 1, y.shape), y)
    end = np.where(_some(0.015, n, rng), rng.uniform(0, 1, (n, 1)), 2)
    return np.where(share > end, _log_uniform(0.9, 3, (n, 1), rng), y)


def scores(g: Floats, share: Floats, wobble: Floats, rng: np.random.Generator) -> Floats:
    """Rewards and their like: of any range, and often as noisy as it is wide."""
    sd = np.minimum(np.exp(np.log(0.03) + 1.2 * rng.standard_normal((len(g), 1))), 0.5)
    return g - worse(0.15, 0.02, 0.5, share, rng) + sd * wobble


def worse(often: float, least: float, most: float, share: Floats, rng: np.random.Generator) -> Floats:
    """``(n, 300)`` what some lose again from a point on."""
    n = len(share)
    start = rng.uniform(0, 0.9, (n, 1))
    late = np.clip((share - start) / (1 - start), 0, 1) ** _log_uniform(0.4, 1.5, (n, 1), rng)
    return np.where(_some(often, n, rng), _log_uniform(least, most, (n, 1), rng), 0) * late


def scaled(curves: Curves, seen: NDArray[np.int64], rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """``(n, 300)`` values as ``CurveScale`` maps them if ``seen`` epochs are known, and ``(n,)`` the first epoch from which on the
    scale is the same. Some losses and scores are mapped as if complete curves had told the range.
    """
    n, values = len(seen), curves.values
    if curves.kind == "share":
        return values, np.ones(n, dtype=np.int64)
    known = np.where(seen[:, None] >= EPOCH, values, np.nan)
    low, high, lowest, highest = (
        np.nanmin(known, axis=1),
        np.nanmax(known, axis=1),
        np.nanmin(values, axis=1),
        np.nanmax(values, axis=1),
    )
    told, top = rng.uniform(0, 1, n) < TOLD, np.nanargmax(known, axis=1)
    if curves.kind == "loss":
        others = lowest * rng.uniform(0.3, 1, n)
        typical = np.maximum(highest * np.exp(0.25 * rng.standard_normal(n)), others * 1.01)
        zero, one = np.where(told, typical, high), np.where(told, np.maximum(2 * others - typical, 0), 0.0)
        first = np.where(told, 0, top)
    else:
        span = np.maximum(highest - lowest, 1e-9)
        zero = np.where(told, lowest - span * rng.uniform(0, 0.5, n), low)
        one = np.where(told, highest + span * rng.uniform(0.1, 0.6, n), 2 * high - low)
        first = np.where(told, 0, np.maximum(top, np.nanargmin(known, axis=1)))
    flat = np.abs(one - zero) < 1e-9
    return (values - zero[:, None]) / np.where(flat, 1.0, one - zero)[:, None], np.where(flat, LONGEST, first) + 1


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


def batch(
    n: int, rng: np.random.Generator, kind: str = "share"
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, queries, true increments and whether they count, of random prefixes of ``n`` fresh curves."""
    curves = prior(n, rng, kind)
    seen = np.ceil(rng.uniform(0.05, 1, n) * (curves.horizon - 1)).astype(np.int64)
    values, first = scaled(curves, seen, rng)
    shown = np.clip(np.where(seen[:, None] >= EPOCH, values, np.nan), -1, 2)
    tokens = tokenize(shown, curves.horizon, curves.schedule)
    ahead = curves.horizon[:, None] - tokens.epochs
    some = tokens.epochs + 1 + np.floor(rng.uniform(0, 1, ahead.shape) * ahead).astype(np.int64)
    asked = np.where(rng.uniform(0, 1, ahead.shape) < 0.6, curves.horizon[:, None], some)
    asked = np.minimum(asked, curves.horizon[:, None])
    truth = np.take_along_axis(values, asked - 1, axis=1) - np.take_along_axis(values, tokens.epochs - 1, axis=1)
    counts = (np.arange(truth.shape[1]) < tokens.counts[:, None]) & (tokens.epochs >= first[:, None])
    queries = query_features(tokens.epochs, asked, curves.horizon, curves.schedule)
    return single(tokens.features), single(queries), single(truth), torch.from_numpy(counts)


def bar_borders(rng: np.random.Generator, n: int | None = None, kind: str = "share") -> torch.Tensor:
    """``(101,)`` edges: quantiles of the increments of the prior, at least ``NARROWEST`` apart."""
    _, _, truth, counts = batch(n or BORDER_CURVES, rng, kind)
    levels, furthest = np.linspace(0, 1, BARS + 1)[1:-1], FURTHEST[kind]
    if kind != "share":  # their tails are longer
        levels = (levels + np.sin(np.pi * levels / 2) ** 2) / 2
    inner = np.quantile(truth[counts].clamp(-0.98 * furthest, 0.98 * furthest).numpy(), levels)
    middle = int(np.argmin(np.abs(inner)))
    for k in range(middle + 1, len(inner)):
        inner[k] = max(inner[k], inner[k - 1] + NARROWEST)
    for k in range(middle - 1, -1, -1):
        inner[k] = min(inner[k], inner[k + 1] - NARROWEST)
    return single(np.concatenate([[-furthest], inner, [furthest]]))


def loss(
    network: CurveTransformer, tokens: torch.Tensor, queries: torch.Tensor, truth: torch.Tensor, counts: torch.Tensor
) -> torch.Tensor:
    """Mean negative log density of the true increments."""
    bar = torch.bucketize(truth, network.borders[1:-1])
    density = network(tokens, queries).log_softmax(dim=-1) - network.borders.diff().log()
    return -(density.gather(2, bar[..., None])[..., 0] * counts).sum() / counts.sum()


@one_thread()
def train(
    steps: int,
    rng: np.random.Generator,
    *,
    curves: int = 64,
    borders: torch.Tensor,
    kind: str = "share",
    report: int = 0,
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
        value = loss(network, *batch(curves, rng, kind))
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
    """Train, average, write; networks of other kinds that the file holds are kept."""
    from safetensors.numpy import load_file, save_file

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kinds", default=",".join(FURTHEST), help="kinds of curves, a network each")
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--curves", type=int, default=64, help="curves a step")
    parser.add_argument("--members", type=int, default=2, help="networks of a kind whose answers are averaged")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    before = load_file(options.out) if options.out.is_file() else {}
    arrays = {name: value for name, value in before.items() if name.split(".")[0] not in kinds}
    for kind in kinds:
        borders = bar_borders(np.random.default_rng(options.seed), kind=kind)
        for member in range(options.members):
            rng = np.random.default_rng([options.seed, member])
            print(f"{kind}, member {member}", flush=True)
            weights = train(options.steps, rng, curves=options.curves, borders=borders, kind=kind, report=100)
            for name, value in weights.items():
                arrays[f"{kind}.{member}.{name}"] = value if name == "borders" else value.astype(np.float16)
            save_file(arrays, options.out)


if __name__ == "__main__":
    main()

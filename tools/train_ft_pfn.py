"""Train the network of the predictor ``ft-pfn`` on synthetic tasks of learning curves and write its weights.

    python tools/train_ft_pfn.py --out archcast/predictors/learning_curve/ft_pfn.safetensors [--steps 350] [--seed 0]

No measured curve is used. A run that is broken off goes on where its last checkpoint, ``OUT.state``, was written.

**Prior.** A task is a set of trainings of the same length with their architectures: vectors of numbers, or of one-hot
choices, which a random network (one layer of tanh, and a linear part, over few relevant columns) maps to the latent
properties of a curve. A property is ``sqrt(a) task + sqrt(b) f(architecture) + sqrt(c) chance``, with shares a, b, c that
differ from task to task and from property to property, and properties are correlated. So tasks differ in how alike their
curves are, and in how much an architecture says; in a fifth of the tasks it says nothing. The properties are the level at the end,
the time scales, exponents and mixture of two of five saturating shapes, what a high learning rate holds back until it falls,
noise, late decline, late start, and whether the network learns at all.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr

from archcast.predictors.learning_curve._curves_in_context import (
    BARS,
    COMPONENTS,
    ContextTransformer,
    Tasks,
    tasks_of,
)
from archcast.predictors.networks import one_thread, private_random_stream, single

SHORTEST, LONGEST = 5, 200
QUESTIONS, MOST = 40, 110
COLUMNS = 24
PROPERTIES = 12
BORDER_BATCHES = 300

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """Synthetic tasks.

    Attributes:
        curves: ``(b, n, T)`` in [0, 1].
        archs: ``(b, n, 24)`` features of architectures, all zero where they say nothing.
    """

    curves: Floats
    archs: Floats


def prior(b: int, n: int, total: int, rng: np.random.Generator) -> Drawn:
    """Draw ``b`` tasks of ``n`` trainings of ``total`` epochs."""
    archs = architectures(b, n, rng)
    z = properties(archs, rng)
    u = ndtr(z)
    t = np.arange(1, total + 1)[None, None, :]

    chance = np.where(_some(0.4, b, rng), rng.uniform(0, 0.6, (b, 1)), rng.choice(_LEVELS, (b, 1), p=_CHANCE))
    highest = np.where(_some(0.5, b, rng), 1.0, chance + (1 - chance) * rng.uniform(0.1, 1, (b, 1)))
    top = chance + (highest - chance) * u[..., 0] ** 0.6
    low, high = np.log(0.3), np.log(20)
    relative = np.log(total * _log_uniform(0.04, 0.8, (b, 1), rng))
    centre = np.where(_some(0.35, b, rng), rng.uniform(low, high, (b, 1)), relative)
    delay = np.where(_some(0.06, b, rng), total * 0.3 * u[..., 1] ** 3, 0.0)[..., None]
    elapsed = np.maximum(t - delay, 0.01)
    mix = u[..., 2, None]
    g = mix * shape(elapsed, centre + 0.8 * z[..., 3], z[..., 4], rng)
    g = g + (1 - mix) * shape(elapsed, centre + 0.8 * z[..., 5], z[..., 6], rng)
    rate = schedules(total, b, rng)[:, None, :]
    scheduled = _some(0.5, b, rng)
    held = np.where(scheduled, rng.uniform(0, 1, (b, 1)) ** 2 * u[..., 7], 0.0)[..., None]
    g = g * (1 - held * rate ** _log_uniform(0.3, 2, (b, 1, 1), rng))
    late = np.maximum(t / total - rng.uniform(0.1, 0.9, (b, 1, 1)), 0)
    decline = np.where(_some(0.15, b, rng), _log_uniform(0.01, 0.4, (b, 1), rng) * u[..., 8] ** 2, 0.0)[..., None]
    dead = u[..., 9] < np.where(_some(0.3, b, rng), rng.uniform(0, 0.25, (b, 1)), 0.01)
    g = np.where(dead[..., None], rng.uniform(0, 0.05, (b, 1, 1)) * g, g - decline * late)
    y = chance[..., None] + (top - chance)[..., None] * g

    sd = np.exp(np.log(0.004) + 1.1 * rng.standard_normal((b, 1)) + 0.4 * z[..., 10])
    sd = np.where(dead, sd * rng.choice([0.01, 0.1, 1], (b, 1)), sd)[..., None]
    quiet = rng.uniform(0, 1, (b, 1, 1))
    sd = np.minimum(sd, 0.1) * np.where(scheduled[..., None], quiet + (1 - quiet) * np.sqrt(rate), 1.0)
    sd = sd * np.where(_some(0.3, b, rng)[..., None], np.clip(1.2 - g, 0.1, 1), 1)
    y = y + sd * noise((b, n, total), rng)
    often = np.where(_some(0.1, b, rng), _log_uniform(0.003, 0.06, (b, 1), rng), 0)[..., None]
    spike = rng.random(y.shape) < often
    y = np.where(spike, chance[..., None] + (y - chance[..., None]) * rng.random(y.shape), y)
    end = np.where(rng.random((b, n)) < 0.01, rng.uniform(0, 1, (b, n)), 2)[..., None]
    y = np.where(t / total > end, chance[..., None], y)
    return Drawn(np.clip(y, 0, 1), archs)


_LEVELS = np.array([0.0, 0.001, 0.005, 0.01, 0.1, 0.2, 0.5])
_CHANCE = [0.08, 0.08, 0.06, 0.14, 0.4, 0.1, 0.14]


def architectures(b: int, n: int, rng: np.random.Generator) -> Floats:
    """``(b, n, 24)``: numbers, correlated or not, in a half of the tasks, one-hot choices in the other; zero in a fifth of all."""
    out = np.zeros((b, n, COLUMNS))
    for task in out:
        kind = rng.random()
        if kind < 0.4:
            used = int(rng.integers(1, COLUMNS + 1))
            hidden = int(rng.integers(1, used + 1))
            task[:, :used] = rng.standard_normal((n, hidden)) @ rng.standard_normal((hidden, used)) / np.sqrt(hidden)
            task[:, :used] += rng.uniform(0, 0.5) * rng.standard_normal((n, used))
        elif kind < 0.8:
            choices = int(rng.integers(2, 6))
            for variable in range(COLUMNS // choices):
                task[np.arange(n), variable * choices + rng.integers(0, choices, n)] = 1.0
    return out


def properties(archs: Floats, rng: np.random.Generator) -> Floats:
    """``(b, n, 12)`` latent properties of curves, each standard normal over tasks and curves together."""
    b, n, k = archs.shape
    spread = archs.std(axis=1, keepdims=True)
    x = (archs - archs.mean(axis=1, keepdims=True)) / np.where(spread > 1e-9, spread, 1.0)
    relevance = rng.gamma(0.5, 2.0, (b, 1, k))
    x = x * relevance / np.sqrt(np.maximum((np.square(relevance) * (spread > 1e-9)).sum(axis=2, keepdims=True), 1e-9))
    hidden = np.tanh(
        _log_uniform(0.3, 3, (b, 1, 1), rng) * (x @ rng.standard_normal((b, k, 32))) + rng.standard_normal((b, 1, 32))
    )
    own = hidden @ rng.standard_normal((b, 32, PROPERTIES)) / np.sqrt(32)
    straight = x @ rng.standard_normal((b, k, PROPERTIES))
    own = _standard(own) + rng.uniform(0, 2, (b, 1, 1)) * _standard(straight)
    chance = rng.standard_normal((b, n, PROPERTIES))
    tangled = np.eye(PROPERTIES) + rng.uniform(0, 1, (b, 1, 1)) * rng.standard_normal((b, PROPERTIES, PROPERTIES)) / 3
    own, chance = _standard(_standard(own) @ tangled), _standard(chance @ tangled)
    between = np.exp(rng.uniform(np.log(0.03), 0, (b, 1, PROPERTIES)))
    told = rng.beta(1.2, 0.6, (b, 1, PROPERTIES)) * np.where((own != 0).any(axis=(1, 2), keepdims=True), 1.0, 0.0)
    task = rng.standard_normal((b, 1, PROPERTIES))
    return np.asarray(
        np.sqrt(1 - between) * task + np.sqrt(between) * (np.sqrt(told) * own + np.sqrt(1 - told) * chance)
    )


def _standard(x: Floats) -> Floats:
    spread = x.std(axis=1, keepdims=True)
    return np.asarray((x - x.mean(axis=1, keepdims=True)) / np.where(spread > 1e-9, spread, 1.0))


def shape(t: Floats, log_scale: Floats, skew: Floats, rng: np.random.Generator) -> Floats:
    """``(b, n, T)`` saturating curves from 0 to 1, one of five families for each task."""
    out = np.empty((*log_scale.shape, t.shape[2]))
    u = np.broadcast_to(t, out.shape) / np.exp(log_scale)[..., None]
    family = rng.choice(5, len(out), p=[0.22, 0.34, 0.24, 0.03, 0.17])
    middle, width = np.array([1.1, 0.8, 1.5, 1.0, 0.85]), np.array([0.4, 0.35, 0.35, 0.0, 0.3])
    for task, k in enumerate(family):
        v, a = u[task], (middle[k] * np.exp(width[k] * np.clip(skew[task], -2, 2)))[:, None]
        if k == 0:
            out[task] = 1 - (1 + v) ** -a  # power law
        elif k == 1:
            out[task] = 1 - np.exp(-(v**a))  # Weibull
        elif k == 2:
            out[task] = 1 - 1 / (1 + v**a)  # Hill
        elif k == 3:
            out[task] = 1 - np.log(2) / np.log(v + 2)  # inverse logarithm
        else:
            out[task] = np.exp(-(np.maximum(v, 1e-3) ** -a))  # vapour pressure
    return out


def schedules(total: int, b: int, rng: np.random.Generator) -> Floats:
    """``(b, T)`` learning rates over their maximum: constant, cosine, linear, one-cycle, step drops."""
    s = np.arange(total)[None, :] / total
    peak, factor = rng.uniform(0.1, 0.4, (b, 1)), _log_uniform(0.05, 0.5, (b, 1), rng)
    drops = np.where(np.arange(3) < rng.integers(1, 4, (b, 1)), rng.uniform(0.2, 0.95, (b, 3)), 2.0)
    kinds = np.stack(
        [
            np.ones((b, total)),
            np.broadcast_to((1 + np.cos(np.pi * s)) / 2, (b, total)),
            np.broadcast_to(1 - s, (b, total)),
            np.where(s < peak, 0.05 + 0.95 * s / peak, (1 + np.cos(np.pi * (s - peak) / (1 - peak))) / 2),
            factor ** (s[:, :, None] >= drops[:, None, :]).sum(axis=2),
        ]
    )
    return np.asarray(kinds[rng.choice(5, b, p=[0.28, 0.28, 0.1, 0.1, 0.24]), np.arange(b)])


def noise(size: tuple[int, int, int], rng: np.random.Generator) -> Floats:
    """Noise of unit scale: white or autocorrelated, normal or heavy-tailed, the same kind for a task."""
    b = size[0]
    white = rng.standard_normal(size)
    heavy = rng.random(b) < 0.3
    white[heavy] = rng.standard_t(3, (int(heavy.sum()), *size[1:])) / np.sqrt(3)
    for task in np.flatnonzero(rng.random(b) < 0.3):
        rho = rng.uniform(0.3, 0.95)
        for t in range(1, size[2]):
            white[task, :, t] = rho * white[task, :, t - 1] + np.sqrt(1 - rho**2) * white[task, :, t]
    return white


def _some(share: float, b: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    return rng.random((b, 1)) < share


def _log_uniform(low: float, high: float, size: tuple[int, ...], rng: np.random.Generator) -> Floats:
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


# -- training ----------------------------------------------------------------------------------------------------------


def batch(b: int, rng: np.random.Generator) -> tuple[Tasks, Floats]:
    """Tasks with the same numbers of epochs and of curves in context, and the true standardised gains ``(b, q)``."""
    total = int(_log_uniform(SHORTEST, LONGEST + 1, (1,), rng)[0])
    m = 0 if rng.random() < 0.08 else int(_log_uniform(1, MOST + 1, (1,), rng)[0])
    n = m + QUESTIONS
    drawn = prior(b, n, total, rng)
    now = 1 + int((total - 1) * rng.random() ** 1.7)
    end = total if rng.random() < 0.7 else now + 1 + int((total - now) * rng.random())
    cut, goal = np.full((b, n), now), np.full((b, n), min(end, total))
    if rng.random() < 0.35:  # trainings that are under way
        length = 2 + np.floor((total - 1) * rng.random((b, m)) ** rng.choice([0.5, 1.0, 2.0])).astype(np.int64)
        cut[:, :m], goal[:, :m] = cuts_of(np.minimum(length, total), now, goal[0, -1])
    gained = _at(drawn.curves, goal) - _at(drawn.curves, cut)
    tasks = tasks_of(drawn.curves, cut, goal, total, *seen_archs(drawn.archs, m), gained[:, :m])
    return tasks, (gained[:, m:] - tasks.centre[:, m:]) / tasks.unit


def cuts_of(length: NDArray[np.int64], cut: int, goal: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where a curve of so many epochs is cut, and up to where its gain is taken."""
    reach = np.minimum(length, goal)
    return np.where(reach > cut, cut, np.maximum(reach // 2, 1)), reach


def seen_archs(archs: Floats, m: int) -> tuple[Floats, Floats]:
    """Principal components ``(b, n, 10)`` and squared distances from the context ``(b, n, m)``, scaled by the median distance."""
    centred = archs - archs.mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(centred.transpose(0, 2, 1) @ centred)
    square = np.square(centred).sum(axis=2)
    apart = np.maximum(square[:, :, None] + square[:, None] - 2 * centred @ centred.transpose(0, 2, 1), 0.0)
    unit = np.median(apart, axis=(1, 2))[:, None, None]
    unit = np.where(unit > 1e-9, unit, 1.0)
    components = centred @ axes[:, :, : -COMPONENTS - 1 : -1] / np.sqrt(unit)
    return np.clip(components, -5, 5), apart[:, :, :m] / unit


def _at(curves: Floats, epoch: NDArray[np.int64]) -> Floats:
    return np.take_along_axis(curves, epoch[..., None] - 1, axis=2)[..., 0]


def bar_borders(rng: np.random.Generator, batches: int | None = None) -> torch.Tensor:
    """``(65,)`` edges: quantiles of the standardised gains of the prior, at least .01 apart."""
    truth = np.concatenate([batch(8, rng)[1].ravel() for _ in range(batches or BORDER_BATCHES)])
    inner = np.quantile(truth, np.linspace(0, 1, BARS - 1)[1:-1])
    edges = np.concatenate([[-40, -10], inner, [10, 40]])
    for k in range(1, len(edges)):
        edges[k] = max(edges[k], edges[k - 1] + 0.01)
    return single(edges)


def loss(network: ContextTransformer, tasks: Tasks, truth: Floats) -> torch.Tensor:
    """Mean negative log density of the true gains, in units of the task."""
    goal = single(truth).clamp(float(network.borders[0]), float(network.borders[-1]))
    bar = torch.bucketize(goal, network.borders[1:-1])
    logits = network(single(tasks.tokens), single(tasks.gains), single(tasks.near))
    density = logits.log_softmax(dim=-1) - network.borders.diff().log()
    return -density.gather(2, bar[..., None]).mean()


@one_thread()
def train(steps: int, seed: int, *, tasks: int = 16, borders: torch.Tensor, state: Path | None = None, report: int = 0):  # type: ignore[no-untyped-def]
    """Moving average of the weights after ``steps`` steps of AdamW: warm-up, constant to a half, linear to 2 %."""
    rng = np.random.default_rng([seed, 1])
    with private_random_stream(rng):
        network = ContextTransformer(borders)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    first = 0
    if state is not None and state.is_file():
        held = torch.load(state, weights_only=True)
        network.load_state_dict(held["network"])
        optimizer.load_state_dict(held["optimizer"])
        mean, first = held["mean"], held["step"]
    warm, flat = min(300, max(steps // 4, 1)), steps // 2
    start, recent = time.process_time(), []
    for step in range(first, steps):
        rate = min(1.0, (step + 1) / warm)
        if step > flat:
            rate = 1 - 0.98 * (step - flat) / (steps - flat)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * rate
        optimizer.zero_grad()
        value = loss(network, *batch(tasks, np.random.default_rng([seed, 2, step])))
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        keep = min(0.998, step / (step + 10))
        for name, weight in network.state_dict().items():
            mean[name].lerp_(weight, 1 - keep)
        recent.append(value.item())
        if report and (step + 1) % report == 0:
            print(
                f"step {step + 1}: loss {np.mean(recent[-report:]):.3f}, {time.process_time() - start:.0f} s",
                flush=True,
            )
            if state is not None:
                held = {
                    "network": network.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "mean": mean,
                    "step": step + 1,
                }
                torch.save(held, state)
    return {name: value.numpy() for name, value in mean.items()}


def main() -> None:
    """Train, average, write."""
    from safetensors.numpy import save_file

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=350)
    parser.add_argument("--tasks", type=int, default=16, help="tasks a step")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    borders = bar_borders(np.random.default_rng([options.seed, 0]))
    state = options.out.with_suffix(".state")
    weights = train(options.steps, options.seed, tasks=options.tasks, borders=borders, state=state, report=200)
    save_file({k: v if k == "borders" else v.astype(np.float16) for k, v in weights.items()}, options.out)


if __name__ == "__main__":
    main()

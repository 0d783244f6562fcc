"""Tables for spaces whose papers published none: small networks of random architectures, trained for about a second each.

    python benchmarks/trained_targets.py dpc,nas-fpn --rows 150 --out FOLDER [--jobs 4] [--device cuda]

FOLDER/SPACE.jsonl gets a line for each architecture as soon as it is trained; the same command continues. Spaces of dense
prediction learn to label each pixel of made-up images of 64 x 64: discs, squares and crosses of three sizes on noise. A class
is a form, and has a colour that varies. The score is the mean over the classes of intersection over union on 128 other images.
Spaces of layer graphs learn scikit-learn's digits, as do ShuffleNet's chains, which see each pixel four times as wide and high; the
score is the accuracy on 500 other images. A curve has six points. One seed for each architecture, decided by its number.

``benchmark_of`` makes a benchmark of such a file, which ``new_spaces.py`` and ``own_space_searches.py`` read.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

import archcast
from archcast import Task

SIDE, CLASSES, POINTS = 64, 4, 6
TASKS = {
    "dpc": Task((3, SIDE, SIDE), outputs=(CLASSES, SIDE, SIDE), size={"width": 8, "backbone": 16}),
    "nas-fpn": Task((3, SIDE, SIDE), outputs=(CLASSES, SIDE, SIDE), size={"width": 8, "backbone": 64, "depth": 2}),
    "auto-deeplab": Task((3, SIDE, SIDE), outputs=(CLASSES, SIDE, SIDE), size={"width": 2, "stem": 8, "head": 8}),
    "auto-keras": Task((1, 8, 8), 10, width=8),
    "nasbot": Task((1, 8, 8), 10, width=8),
    "spos-shufflenetv2": Task((1, 32, 32), 10, width=8, size={"head": 64}),
}
STEPS = {"dpc": 120, "nas-fpn": 60, "auto-deeplab": 30, "auto-keras": 120, "nasbot": 120, "spos-shufflenetv2": 120}
BATCH = {"dpc": 8, "nas-fpn": 8, "auto-deeplab": 8, "auto-keras": 32, "nasbot": 32, "spos-shufflenetv2": 64}


def shapes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``(n, 3, 64, 64)`` images and ``(n, 64, 64)`` classes: 0 for the ground, then discs, squares, crosses."""
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 0.5, (n, 3, SIDE, SIDE))
    labels = np.zeros((n, SIDE, SIDE), dtype=np.int64)
    down, right = np.mgrid[:SIDE, :SIDE]
    for image, label in zip(images, labels, strict=True):
        for _ in range(3):
            y, x, half = *rng.integers(8, SIDE - 8, 2), rng.choice([8, 12, 18])
            kind = int(rng.integers(1, CLASSES))
            dy, dx = abs(down - y), abs(right - x)
            inside = {
                1: dy**2 + dx**2 <= half**2,
                2: np.maximum(dy, dx) <= half * 0.85,
                3: (np.minimum(dy, dx) <= half * 0.35) & (np.maximum(dy, dx) <= half),
            }[kind]
            label[inside] = kind
            image[:, inside] += rng.normal(0, 0.7, (3, 1)) + 1.5 * np.eye(3)[kind - 1][:, None]
    return images.astype(np.float32), labels


@cache
def data_of(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images and labels to learn from, and to be scored on: of pixels, or of whole images."""
    if len(task.outputs) > 1:
        return *shapes(512, 0), *shapes(128, 1)
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = (digits.images[order, None] / 8 - 1).astype(np.float32)
    images = images.repeat(task.shape[1] // 8, axis=2).repeat(task.shape[2] // 8, axis=3)
    return images[:1000], digits.target[order[:1000]], images[1000:1500], digits.target[order[1000:1500]]


def score(answers: Any, labels: Any) -> float:
    """Mean intersection over union of labelled pixels; accuracy of labelled images."""
    chosen = answers.argmax(dim=1)
    if labels.dim() == 1:
        return float((chosen == labels).double().mean())
    shares = [((chosen == c) & (labels == c)).sum() / ((chosen == c) | (labels == c)).sum() for c in range(CLASSES)]
    return float(sum(shares) / CLASSES)


def train(name: str, row: np.ndarray, seed: int, device: str = "cpu") -> list[float]:
    """``POINTS`` scores of a training with a learning rate that rises and falls once."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    x, y, x_other, y_other = (torch.from_numpy(part).to(device) for part in data_of(TASKS[name]))
    network = archcast.get_space(name).build(row, TASKS[name]).to(device)
    steps = STEPS[name]
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    curve = []
    for step in range(steps):
        network.train()
        some = torch.randint(len(x), (BATCH[name],))
        loss = torch.nn.functional.cross_entropy(network(x[some]), y[some])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % (steps // POINTS) == 0:
            network.eval()
            with torch.no_grad():
                curve.append(score(torch.cat([network(part) for part in x_other.split(64)]), y_other))
    return curve


def line(name: str, row: np.ndarray, seed: int, device: str = "cpu") -> dict[str, Any]:
    """What is kept of a training."""
    return {"space": name, "arch": row.tolist(), "seed": seed, "curve": train(name, row, seed, device)}


def rows_of(name: str, n: int) -> np.ndarray:
    """The first rows of an endless sample without repeated functions."""
    space = archcast.get_space(name)
    archs = space.canonical(space.sample(2 * n, 2024))
    _, first = np.unique(archs, axis=0, return_index=True)
    return archs[np.sort(first)][:n]


def benchmark_of(path: str | Path, name: str) -> archcast.Benchmark:
    """A benchmark of the lines of ``name`` in a file; lines of others are passed over."""
    found = [json.loads(text) for text in Path(path).read_text(encoding="utf-8").splitlines() if '"curve"' in text]
    found = [tree for tree in found if tree["space"] == name]
    curves = np.array([tree["curve"] for tree in found])
    return archcast.Benchmark(
        name=f"trained-{name}",
        space=archcast.get_space(name),
        archs=np.array([tree["arch"] for tree in found]),
        metrics={"score": curves[:, -1]},
        default_metric="score",
        curves={"score": curves},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spaces", help=f"some of {', '.join(TASKS)}")
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.spaces.split(","):
        path = arguments.out / f"{name}.jsonl"
        done = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
        todo = list(enumerate(rows_of(name, arguments.rows)))[done:]
        with path.open("a", encoding="utf-8") as file:
            for tree in Parallel(n_jobs=arguments.jobs, return_as="generator", batch_size=1)(
                delayed(line)(name, row, i, arguments.device) for i, row in todo
            ):
                file.write(json.dumps(tree) + "\n")
                file.flush()


if __name__ == "__main__":
    main()

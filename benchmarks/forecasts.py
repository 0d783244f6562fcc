"""How well ``archcast.forecast`` does on curves that nothing was made for: trainings that this script runs.

Boosted trees and small networks on scikit-learn's data, from ten to three hundred epochs, with every usual schedule of the learning
rate: accuracies, errors, areas under curves, losses of training and validation. Printed for each set: how many ends the 90 %
intervals hold after m finished runs (mean of checks at 10, 25, 50 and 75 % of the epochs, two choices of up to 25 test curves), and
what stopping by the advice saves and costs (two orders of 30 runs; regret in standard deviations of the ends).

    python benchmarks/forecasts.py curves.npz        # trains, about two minutes; later calls read the file
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_classification, make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

import archcast

CHECKS = (0.1, 0.25, 0.5, 0.75)
FINISHED = (0, 2, 5, 10, 30)
FALLING = ("loss", "error", "rmse")
SCHEDULES = ("constant", "cosine", "step", "linear", "warm-up")
Curves = dict[str, Any]


def boosted(x: Any, y: Any, rounds: int, task: str, metrics: list[str], runs: int = 50) -> Curves:
    """Validation metrics, and the first one on the training half, of boosted trees with random settings."""
    import xgboost

    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.4, random_state=0)
    train, test = xgboost.DMatrix(train_x, train_y), xgboost.DMatrix(test_x, test_y)
    found: Curves = {metric: [] for metric in [*metrics, f"train_{metrics[0]}"]}
    for seed in range(runs):
        rng, told = np.random.default_rng(seed), {}
        settings = {"eta": 10 ** rng.uniform(-2.3, 0), "max_depth": int(rng.integers(1, 7))}
        settings |= {"subsample": rng.uniform(0.4, 1), "colsample_bytree": rng.uniform(0.3, 1)}
        settings |= {"min_child_weight": 10 ** rng.uniform(-1, 1), "reg_lambda": 10 ** rng.uniform(-2, 2)}
        settings |= {"objective": task, "eval_metric": metrics, "nthread": 1, "verbosity": 0}
        settings |= {"num_class": int(y.max()) + 1} if task.startswith("multi") else {}
        evals = [(test, "test"), (train, "train")]
        xgboost.train(settings, train, rounds, evals=evals, evals_result=told, verbose_eval=False)
        for metric in metrics:
            found[metric].append(told["test"][metric])
        found[f"train_{metrics[0]}"].append(told["train"][metrics[0]])
    return found


def rate(schedule: str, epoch: int, epochs: int) -> float:
    """Learning rate of an epoch, as a share of the first."""
    cosine = 0.5 * (1 + np.cos(np.pi * epoch / epochs))
    warm = min(1, (epoch + 1) / (epochs * 0.1)) * cosine
    step = 1.0 if epoch < epochs * 0.5 else 0.1 if epoch < epochs * 0.8 else 0.01
    return {"constant": 1.0, "cosine": cosine, "step": step, "linear": 1 - epoch / epochs, "warm-up": warm}[schedule]


def network(rng: np.random.Generator, inputs: int, outputs: int, activation: Any) -> nn.Module:
    """A random multilayer perceptron."""
    width, layers = int(2 ** rng.uniform(3, 7)), rng.integers(1, 4)
    parts: list[nn.Module] = []
    for _ in range(layers):
        parts.append(nn.Linear(inputs, width))
        parts += [nn.BatchNorm1d(width)] if rng.random() < 0.4 else []
        parts.append(activation())
        parts += [nn.Dropout(rng.uniform(0.1, 0.5))] if rng.random() < 0.3 else []
        inputs = width
    return nn.Sequential(*parts, nn.Linear(inputs, outputs))


def trained(
    data: tuple[Tensor, ...], epochs: int, seed: int, schedule: str, task: str, batch: int
) -> list[list[float]]:
    """Curves of one training: accuracy (or R2) and loss (or root mean square) on held-out data, loss of training."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x, y, test_x, test_y = data
    outputs = {"classes": int(y.max()) + 1, "itself": x.shape[1], "number": 1}[task]
    model = network(rng, x.shape[1], outputs, [nn.ReLU, nn.Tanh, nn.GELU][rng.integers(3)])
    first = 10 ** rng.uniform(-4, -1.3)
    plain = rng.random() < 0.4
    first = first * 10 if plain else first
    step = (
        torch.optim.SGD(model.parameters(), lr=first, momentum=0.9)
        if plain
        else torch.optim.Adam(model.parameters(), lr=first)
    )

    def loss_of(out: Tensor, x: Tensor, y: Tensor) -> Tensor:
        if task == "classes":
            return nn.functional.cross_entropy(out, y)
        return nn.functional.mse_loss(out, x) if task == "itself" else nn.functional.mse_loss(out[:, 0], y)

    good, held, own = [], [], []
    for epoch in range(epochs):
        step.param_groups[0]["lr"] = first * rate(schedule, epoch, epochs)
        model.train()
        order, losses = torch.randperm(len(x)), []
        for start in range(0, len(x) - batch + 1, batch):
            rows = order[start : start + batch]
            loss = loss_of(model(x[rows]), x[rows], y[rows])
            step.zero_grad()
            loss.backward()
            step.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            out = model(test_x)
            loss = loss_of(out, test_x, test_y).item()
            right = (out.argmax(1) == test_y).float().mean().item() if task == "classes" else 0.0
        good.append(right if task != "number" else 1 - loss / test_y.var().item())
        held.append(loss if task != "number" else loss**0.5)
        own.append(float(np.mean(losses)))
    return [good, held, own]


def split(x: Any, y: Any, task: str, test: float = 0.3, wrong: float = 0.0) -> tuple[Tensor, ...]:
    """Standardised inputs and targets of two parts; a share of the training labels is drawn anew."""
    train_x, test_x, train_y, test_y = train_test_split(
        StandardScaler().fit_transform(x), y, test_size=test, random_state=0
    )
    if wrong:
        rng = np.random.default_rng(0)
        chosen, train_y = rng.random(len(train_y)) < wrong, train_y.copy()
        train_y[chosen] = rng.integers(0, int(y.max()) + 1, chosen.sum())
    kind = torch.float32 if task == "number" else torch.int64
    inputs = [torch.tensor(part, dtype=torch.float32) for part in (train_x, test_x)]
    targets = [torch.tensor(part, dtype=kind) for part in (train_y, test_y)]
    return inputs[0], targets[0], inputs[1], targets[1]


def networks(
    name: str, data: tuple[Tensor, ...], epochs: int, runs: int, schedule: str, task: str = "classes", batch: int = 64
) -> Curves:
    """Curves of many trainings; ``"mixed"`` takes one schedule after the other."""
    found = []
    for seed in range(runs):
        chosen = SCHEDULES[seed % 5] if schedule == "mixed" else schedule
        found.append(trained(data, epochs, seed, chosen, task, batch))
    good, held, own = np.moveaxis(np.array(found), 1, 0)
    word = {"classes": "accuracy", "number": "r2"}.get(task)
    curves = {f"{name} val_{'rmse' if task == 'number' else 'loss'}": held, f"{name} train_loss": own}
    return ({f"{name} val_{word}": good} if word else {}) | curves


def all_sets() -> Curves:
    """Name, which ends with the metric -> ``(runs, epochs)``."""
    out: Curves = {}
    cancer = boosted(*load_breast_cancer(return_X_y=True), 100, "binary:logistic", ["logloss", "error", "auc"])
    friedman = boosted(*make_friedman1(400, noise=1.0, random_state=0), 300, "reg:squarederror", ["rmse"])
    made = make_classification(600, 20, n_informative=6, n_classes=4, flip_y=0.2, random_state=0)
    four = boosted(*made, 40, "multi:softprob", ["mlogloss", "merror"])
    words = {"logloss": "val_loss", "error": "val_error", "auc": "val_auc", "rmse": "val_rmse"}
    words |= {"mlogloss": "val_loss", "merror": "val_error"}
    for name, found in (("trees, cancer", cancer), ("trees, friedman", friedman), ("trees, four classes", four)):
        out |= {f"{name} {words.get(metric, 'train_loss')}": np.array(curves) for metric, curves in found.items()}
    digits, three = (
        load_digits(return_X_y=True),
        make_classification(500, 30, n_informative=8, n_classes=3, random_state=1),
    )
    diabetes = load_diabetes(return_X_y=True)
    score = StandardScaler().fit_transform(diabetes[1][:, None])[:, 0]
    out |= networks("digits", split(*digits, "classes"), 30, 50, "mixed")
    out |= networks("digits, short", split(*digits, "classes"), 10, 50, "constant")
    out |= networks("wrong labels", split(*digits, "classes", 0.6, 0.3), 50, 50, "step")
    out |= networks("three classes, long", split(*three, "classes"), 300, 40, "cosine", batch=128)
    out |= networks("diabetes", split(diabetes[0], score, "number"), 60, 50, "constant", "number")
    out |= networks("autoencoder", split(*digits, "classes", 0.5), 40, 40, "mixed", "itself")
    return out


def covered(curves: Any, metric: str, m: int) -> float:
    """Share of the ends inside the 90 % interval after m finished runs."""
    n, epochs = curves.shape
    held = []
    for repeat in range(2):
        order = np.random.default_rng(repeat).permutation(n)
        done, test = curves[order[:m]], curves[order[m : m + 25]]
        for share in CHECKS:
            seen = max(1, round(share * epochs))
            answer = archcast.forecast([*done, *test[:, :seen]], epochs=epochs, metric=metric)
            low, high = (ends[m:] for ends in answer.interval(0.9))
            held.append(((low <= test[:, -1] + 1e-9) & (test[:, -1] - 1e-9 <= high)).mean())
    return float(np.mean(held))


def stopped(curves: Any, metric: str) -> tuple[float, float]:
    """Share of the epochs that the advice saves, and its regret, over two orders of 30 runs."""
    rng, found = np.random.default_rng(1), []
    epochs, sign = curves.shape[1], -1 if metric.endswith(FALLING) else 1
    for _ in range(2):
        order = rng.permutation(len(curves))[:30]
        done: list[int] = []
        run = 0
        for i in order:
            end = epochs
            for share in CHECKS if done else ():
                seen = max(1, round(share * epochs))
                answer = archcast.forecast([*curves[done], curves[i, :seen]], epochs=epochs, metric=metric)
                if answer.advice[-1] == "stop":
                    end = seen
                    break
            run += end
            done += [i] if end == epochs else []
        ends = sign * curves[order, -1]
        found.append((1 - run / (len(order) * epochs), (ends.max() - (sign * curves[done, -1]).max()) / ends.std()))
    saved, regret = np.mean(found, axis=0)
    return float(saved), float(regret)


def main() -> None:
    """Train or read, forecast, print."""
    torch.set_num_threads(1)
    path = Path(sys.argv[1])
    if not path.exists():
        np.savez(path, **all_sets())
    print(f"| set | epochs | {' | '.join(f'm = {m}' for m in FINISHED)} | saved | regret |")
    print("|---|---" + "|---" * (len(FINISHED) + 2) + "|")
    for name, curves in np.load(path).items():
        curves = curves[np.isfinite(curves).all(axis=1)]
        metric = name.split()[-1]
        held = [f"{covered(curves, metric, m):.2f}" if m <= len(curves) - 12 else "" for m in FINISHED]
        saved, regret = stopped(curves, metric)
        print(f"| {name} | {curves.shape[1]} | {' | '.join(held)} | {saved:.2f} | {regret:.3f} |", flush=True)


if __name__ == "__main__":
    main()

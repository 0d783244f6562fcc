"""Latency of NAS-Bench-201 cells on a device of which ten were measured, with and without five other devices.

    ARCHCAST_DATA=... python benchmarks/latency.py [--measurements 10] [--trials 20]

Each of the six devices of HW-NAS-Bench is left out in turn. ``latency+`` knows 900 random cells of each of the other five devices,
``latency`` does not. Beside them: the multiply-accumulates, scaled to the ten measurements, and a look-up: the published latency on
the other device that ranks the ten most alike, scaled to them, too. All are asked about 2,000 other cells. Cells that did not
compile (4,699 on the edge TPU) are left out there. Spearman's rank correlation, mean absolute percentage error, and the share of
cells within 5 and 10 %; means over the trials, and over the devices in the last lines.

    python benchmarks/latency.py --here nasbench201 --out DIR [--size 32] [--unseen 200] [--device cuda --batch 64]

measures the machine at hand instead: networks of a space for images of a size, processor time of one thread (or, of a GPU, the time
that passes), the median of 50 runs.
Each trial learns from other measured networks and is asked about all that remain. DIR keeps the measurements; the same command
continues them. ``latency-table`` measures the layers of all these networks once; its line is fitted anew in each trial.

    ARCHCAST_DATA=... python benchmarks/latency.py --rows [--measurements 10,100,900] [--trials 5]

splits by rows alone: rows of one device are known and 2,000 others of the same device asked about; means over the devices.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import spearmanr

import archcast
from archcast import Source
from archcast.costs import measure

ASKED, EACH = 2000, 900


def measures(predicted: np.ndarray, true: np.ndarray, ranks: np.ndarray | None = None) -> list[float]:
    """Rank correlation, MAPE in percent, shares within 5 and 10 %; ``ranks`` takes the place of the predictions in the first."""
    relative = np.abs(predicted / true - 1)
    return [
        spearmanr(predicted if ranks is None else ranks, true)[0],
        100 * relative.mean(),
        100 * (relative < 0.05).mean(),
        100 * (relative < 0.1).mean(),
    ]


def scaled(values: np.ndarray, known: np.ndarray, times: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Values mapped to times by a straight line through the known ones."""
    if np.ptp(values[known]) == 0:
        return np.full(len(values), times.mean())
    slope, offset = np.polyfit(values[known], times, 1, w=weights)
    return slope * values + offset


def here(
    name: str,
    out: str,
    size: int,
    unseen: int,
    measurements: int,
    trials: int,
    labels: list[str],
    device: str = "cpu",
    batch: int = 1,
) -> None:
    """Measures networks of a space on this machine, and predicts all but ten of them."""
    clock = "processor" if device == "cpu" else "wall"
    space = archcast.get_space(name)
    archs = np.unique(space.sample(400, 0), axis=0)  # the same for any number of unseen ones, which continue each other
    archs = np.random.default_rng(0).permutation(archs)[: unseen + measurements]
    task = archcast.Task((3, size, size), classes=1000 if name == "ofa-mobilenetv3" else 10)
    found = measure(space, archs, task, device, batch, clock=clock, out=out)
    y = found.milliseconds
    print(
        f"{name}, {device}, {batch} images of {size}: {len(archs)} networks, "
        f"{y.min():.2f} to {y.max():.2f} ms (median {np.median(y):.2f})"
    )
    print(
        f"spread (MAD): median {100 * np.median(found.spread / y):.1f} %; drift {found.drift.min():.3f} to {found.drift.max():.3f}"
    )
    macs = space.costs(archs, task=task)["macs"]
    scores: dict[str, list[list[float]]] = {}
    sums = None
    for trial in range(trials):
        order = np.random.default_rng(trial).permutation(len(archs))
        known, asked = order[:measurements], order[measurements:]
        for label in labels:
            if label == "latency-table":
                sums = of_layers(space, archs, y, known, task, device, batch) if sums is None else sums
                answers = scaled(sums, known, y[known], 1 / y[known])[asked]
            else:
                predictor = archcast.get_predictor(label, space, random_state=trial)
                answers = predictor.init(archs[known], y[known], pool=archcast.Pool(archs)).query(archs[asked]).mean
            scores.setdefault(label, []).append(measures(answers, y[asked]))
        scores.setdefault("macs", []).append(measures(scaled(macs, known, y[known])[asked], y[asked], macs[asked]))
    show(scores)


def of_layers(
    space: archcast.SearchSpace,
    archs: np.ndarray,
    y: np.ndarray,
    known: np.ndarray,
    task: archcast.Task,
    device: str = "cpu",
    batch: int = 1,
) -> np.ndarray:
    """Sums of the times of the layers of all networks, up to a scale and an offset."""
    table = archcast.get_predictor(
        "latency-table",
        space,
        shape=task.shape,
        classes=task.classes,
        batch=batch,
        device=device,
        clock="processor" if device == "cpu" else "wall",
        looks=0,
        random_state=0,
    )
    return table.init(archs[known], y[known], pool=archcast.Pool(archs)).query(archs).mean


def show(scores: dict[str, list[list[float]]]) -> None:
    """Print the means over the trials."""
    print(f"{'method':14s}{'Spearman':>9s}{'MAPE %':>9s}{'5 %':>7s}{'10 %':>7s}")
    for label, values in scores.items():
        mean = np.mean(values, axis=0)
        print(f"{label:14s}{mean[0]:9.3f}{mean[1]:9.1f}{mean[2]:7.1f}{mean[3]:7.1f}")


def split_by_rows(sizes: list[int], trials: int) -> None:
    """Rows of a device are known, others of the same device are asked about."""
    benchmark = archcast.load_benchmark("nasbench201")
    space, archs = benchmark.space, benchmark.archs
    macs = space.costs(archs)["macs"]
    for size in sizes:
        scores: dict[str, list[list[float]]] = {}
        for name, times in benchmark.costs.items():
            if not name.endswith("latency"):
                continue
            usable = np.flatnonzero(times > 0)
            for trial in range(trials):
                order = np.random.default_rng(trial).permutation(usable)
                known, asked = order[:size], order[size:][:ASKED]
                for label in ("latency", "ofa-regressor", "gp"):
                    predictor = archcast.get_predictor(label, space, random_state=trial).init(
                        archs[known], times[known]
                    )
                    scores.setdefault(label, []).append(measures(predictor.query(archs[asked]).mean, times[asked]))
                line = scaled(macs, known, times[known])
                scores.setdefault("macs", []).append(measures(line[asked], times[asked], macs[asked]))
        print(f"{size} rows known")
        show(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", default="10")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--here", metavar="SPACE")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--unseen", type=int, default=200)
    parser.add_argument("--rows", action="store_true")
    parser.add_argument("--only", default="latency,latency-table,ofa-regressor,gp")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    sizes = [int(n) for n in arguments.measurements.split(",")]
    if arguments.rows:
        split_by_rows(sizes, arguments.trials)
        return
    if arguments.here is not None:
        here(
            arguments.here,
            arguments.out,
            arguments.size,
            arguments.unseen,
            sizes[0],
            arguments.trials,
            arguments.only.split(","),
            arguments.device,
            arguments.batch,
        )
        return
    benchmark = archcast.load_benchmark("nasbench201")
    space, archs = benchmark.space, benchmark.archs
    names = [name for name in benchmark.costs if name.endswith("latency")]
    times = {name: np.where(benchmark.costs[name] > 0, benchmark.costs[name], np.nan) for name in names}
    macs = space.costs(archs)["macs"]
    print(f"{'device':26s}{'method':10s}{'Spearman':>9s}{'MAPE %':>9s}{'5 %':>7s}{'10 %':>7s}")
    total: dict[str, list[np.ndarray]] = {}
    for target in names:
        found: dict[str, list[list[float]]] = {}
        rng = np.random.default_rng(0)
        usable = np.flatnonzero(np.isfinite(times[target]))
        for trial in range(arguments.trials):
            order = rng.permutation(usable)
            known, asked = order[: sizes[0]], order[sizes[0] :][:ASKED]
            y = times[target]
            sources = []
            for other in names:
                if other != target:
                    rows = rng.permutation(np.flatnonzero(np.isfinite(times[other])))[:EACH]
                    sources.append(Source(space, archs[rows], times[other][rows]))
            answers = {}
            for label, given in (("latency+", sources), ("latency", None)):
                predictor = archcast.get_predictor("latency", space, random_state=trial)
                answers[label] = predictor.init(archs[known], y[known], sources=given).query(archs[asked]).mean
            answers["macs"] = scaled(macs, known, y[known])[asked]
            ranks = {"macs": macs[asked]}
            alike = {}
            for other in names:
                both = known[np.isfinite(times[other][known])]
                if other != target and len(both) > 2:
                    alike[other] = np.nan_to_num(spearmanr(times[other][both], y[both])[0])
            nearest = max(alike, key=lambda name: alike[name])
            table = np.where(np.isfinite(times[nearest]), times[nearest], np.nanmedian(times[nearest]))
            answers["nearest"] = scaled(table, known, y[known])[asked]
            ranks["nearest"] = table[asked]
            for label, predicted in answers.items():
                found.setdefault(label, []).append(measures(predicted, y[asked], ranks.get(label)))
        for label, rows_found in found.items():
            mean = np.mean(rows_found, axis=0)
            total.setdefault(label, []).append(mean)
            print(f"{target:26s}{label:10s}{mean[0]:9.3f}{mean[1]:9.1f}{mean[2]:7.1f}{mean[3]:7.1f}", flush=True)
    for label, means in total.items():
        mean = np.mean(means, axis=0)
        print(f"{'mean':26s}{label:10s}{mean[0]:9.3f}{mean[1]:9.1f}{mean[2]:7.1f}{mean[3]:7.1f}")


if __name__ == "__main__":
    main()

"""What a GPU and reduced precision change: scores of untrained networks, trainings, supernets.

    python benchmarks/accelerator.py --out gpu.jsonl [--parts scores trainings supernets] [--device cuda]
    python benchmarks/accelerator.py --out gpu.jsonl --show

*scores*: all proxies of networks of NAS-Bench-201 (paper's width, a cell a stage) and of ``nds-resnet``, on 32 digits enlarged to
32x32, in single precision, bfloat16 and float16 on the device, and in single precision on the processor. Shown is how a
proxy ranks the networks against its ranking in single precision on the device.

*trainings*: seconds an epoch of a NAS-Bench-201 network of the paper's size on 1,000 made-up images of 32x32, and of the networks
of ``digits``; *supernets*: every one-shot method on NAS-Bench-201 and two of them on every space with a supernet, two epochs on
digits. With and without bfloat16. Finished lines are kept in the file and not run again.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau
from torch.nn.functional import interpolate

import archcast
from archcast.journal import Journal
from archcast.names import PREDICTORS
from archcast.training import Augmentation, Dataset, Recipe, Trainer, load_dataset, sample_functions, settings_for

Job = tuple[str, Callable[[], dict[str, Any]]]
PRECISIONS = {"single": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
SUPERNETS = ("nasbench201", "nats-size", "darts", "darts-s4", "ofa-mobilenetv3", "accel-nasbench", "nasbench-1shot1-1",
             "neural-fabrics")  # fmt: skip
COMPARED = 4
"""Networks of a space that are scored on the processor, too."""

NETWORKS = {"nasbench201": {"depth": 1}, "nds-resnet": {}}


def enlarged_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """32 real images of digits as ``(32, 3, 32, 32)``, and their labels."""
    x, y = load_dataset("digits").train
    return interpolate(x[:32], scale_factor=4).repeat(1, 3, 1, 1), y[:32]


def rows_of(space: Any, networks: int) -> Any:
    """Random functions of a space; the smallest of forty times as many, where networks may be deep."""
    if space.name == "nasbench201":
        return sample_functions(space, networks, seed=0)
    rows = sample_functions(space, 40 * networks, seed=0)
    return rows[np.argsort(space.costs(rows)["macs"], kind="stable")[:networks]]


def scores(device: str, networks: int) -> Iterator[Job]:
    """Every network in every precision on the device, and in single precision on the processor."""
    x, y = enlarged_digits()
    for space_name in NETWORKS:
        space = archcast.get_space(space_name)
        for i, row in enumerate(rows_of(space, networks)):
            runs = [(device, name) for name in PRECISIONS] + [("cpu", "single")] * (i < COMPARED)
            for where, precision in dict.fromkeys(runs):

                def job(
                    where: str = where, precision: str = precision, row: Any = row, space: Any = space
                ) -> dict[str, Any]:
                    torch.manual_seed(0)
                    net = space.build(row, archcast.Task(shape=(3, 32, 32), **NETWORKS[space.name]))
                    found = archcast.score(net, x, y, device=where, autocast=PRECISIONS[precision])
                    return {"scores": dict(found), "failures": sorted(found.failures)}

                yield f"scores/{space_name}/{i}/{where}/{precision}", job


def made_up(images: int) -> Dataset:
    """Noise with labels: only the time of a training on it means something."""
    rng = np.random.default_rng(0)

    def part(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(rng.normal(size=(n, 3, 32, 32))).float(), torch.from_numpy(rng.integers(0, 10, n))

    return Dataset("made-up", part(images), part(200), part(200), 10, Augmentation())


def trainings(device: str, _: int) -> Iterator[Job]:
    """Each of two sizes with and without bfloat16, and on the processor where that ends soon."""
    large = {"recipe": Recipe(epochs=2, batch_size=250), "width": 16, "depth": 5}
    sizes: dict[str, tuple[Any, dict[str, Any]]] = {
        "digits": ("digits", settings_for("digits", epochs=5)),
        "32x32": (made_up(1000), large),
    }
    row = [3, 2, 3, 1, 3, 3]
    for name, (data, settings) in sizes.items():
        for where, mixed in dict.fromkeys([(device, False), (device, device != "cpu"), ("cpu", False)]):

            def job(
                where: str = where, mixed: bool = mixed, data: Any = data, settings: Any = settings
            ) -> dict[str, Any]:
                trainer = Trainer("nasbench201", data, device=where, mixed_precision=mixed, **settings)
                trainer.train(row)  # compiles and warms up
                run = trainer.train(row)
                curve = run.curves["train_loss"]
                return {"seconds": run.seconds / len(curve), "loss": curve[-1], "accuracy": run.test_accuracy}

            yield f"trainings/{name}/{where}/{'bfloat16' if mixed else 'single'}", job


def supernets(device: str, _: int) -> Iterator[Job]:
    """Every method on NAS-Bench-201, a path and a mixture on every other space."""
    pairs = [(space, method) for space in SUPERNETS for method in ("one-shot", "one-shot-darts")]
    pairs += [("nasbench201", method) for method in PREDICTORS if method.startswith("one-shot")]
    for space, method in dict.fromkeys(pairs):
        for where, mixed in dict.fromkeys([(device, False), (device, device != "cpu"), ("cpu", False)]):
            if where == "cpu" != device and (space != "nasbench201" or method not in ("one-shot", "one-shot-darts")):
                continue

            def job(
                where: str = where, mixed: bool = mixed, space: str = space, method: str = method
            ) -> dict[str, Any]:
                sizes = {"task": archcast.Task(width=16, depth=1, stages=1)} if space == "nasbench201" else {}
                net = archcast.get_predictor(
                    method,
                    space,
                    dataset="digits",
                    epochs=2,
                    device=where,
                    mixed_precision=mixed,
                    random_state=0,
                    **sizes,
                )
                start = time.perf_counter()
                net.init()
                trained = time.perf_counter() - start
                rows = archcast.get_space(space).sample(20, 0)
                start = time.perf_counter()
                mean = net.query(rows).mean
                asked = time.perf_counter() - start
                return {"seconds": trained / 2, "query": asked / 20, "answers": mean.tolist()}

            yield f"supernets/{space}/{method}/{where}/{'bfloat16' if mixed else 'single'}", job


PARTS = {"scores": scores, "trainings": trainings, "supernets": supernets}


def run(options: argparse.Namespace) -> None:
    """Run what the file does not hold yet; an error is a line of its own."""
    journal = Journal(options.out)
    done = {record["job"] for record in journal.records()}
    card = torch.cuda.get_device_name() if options.device.startswith("cuda") else "cpu"
    for part in options.parts:
        for name, job in PARTS[part](options.device, options.networks):
            if name in done or not fnmatch(name, options.only):
                continue
            start = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    result = job()
            except Exception as error:
                result = {"error": f"{type(error).__name__}: {error}"[:300]}
            journal.add({"job": name, "card": card, "wall": round(time.perf_counter() - start, 3), **result})


def show(path: Path) -> None:
    """Print what the file holds."""
    records = {record["job"]: record for record in Journal(path).records()}
    for name, record in records.items():
        if "error" in record:
            print(name, record["error"])
    show_scores({k: v for k, v in records.items() if k.startswith("scores/") and "error" not in v})
    for part in ("trainings", "supernets"):
        groups: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for name, record in records.items():
            if name.startswith(part) and "error" not in record:
                group, where, precision = name.rsplit("/", 2)
                groups[group][f"{where} {precision}"] = record
        for group, found in groups.items():
            cells = [f"{key} {record['seconds']:.3f} s" for key, record in found.items()]
            for key, record in found.items():
                reference = next((v for k, v in found.items() if k != "cpu single" and k.endswith("single")), record)
                if "answers" in record and record is not reference:
                    tau = kendalltau(record["answers"], reference["answers"]).statistic
                    cells.append(f"tau({key}) {tau:.2f}")
                if "loss" in record:
                    cells.append(f"loss({key}) {record['loss']:.4f}")
            print(f"{group}: " + ", ".join(cells))


def show_scores(records: dict[str, dict[str, Any]]) -> None:
    """Seconds a network, and each proxy's tau with its ranking in single precision on the device."""
    values: dict[tuple[str, str], dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    walls: dict[tuple[str, str], list[float]] = defaultdict(list)
    for name, record in records.items():
        _, space, i, where, precision = name.split("/")
        walls[space, f"{where} {precision}"].append(record["wall"])
        for proxy, value in record["scores"].items():
            values[space, proxy][f"{where} {precision}"][int(i)] = value
    for (space, run_), seconds in walls.items():
        print(f"{space}, {run_}: {np.median(seconds):.2f} s a network, {len(seconds)} networks")
    for (space, proxy), runs in values.items():
        base = next((v for k, v in runs.items() if k.endswith("single") and not k.startswith("cpu")), {})
        cells = []
        for key, found in runs.items():
            both = sorted(set(base) & set(found))
            if found is not base and len(both) > 2:
                a, b = (np.array([one[i] for i in both]) for one in (base, found))
                apart = np.max(np.abs(a - b) / np.maximum(np.abs(a), 1e-12))
                cells.append(
                    f"{key}: tau {kendalltau(a, b).statistic:.3f} of {len(both)}/{len(base)}, apart {apart:.1e}"
                )
        print(f"{space} {proxy}: " + "; ".join(cells))


def main() -> None:
    """Run, or show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="file of results, one line each")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--networks", type=int, default=30, help="scored of each space")
    parser.add_argument("--only", default="*", help="pattern of the jobs to run, such as 'scores/nds-resnet/*'")
    parser.add_argument("--show", action="store_true", help="print the file instead of running")
    options = parser.parse_args()
    torch.set_num_threads(1)
    show(options.out) if options.show else run(options)


if __name__ == "__main__":
    main()

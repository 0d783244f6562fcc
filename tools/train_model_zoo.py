"""Train the forecaster of real models that comes with archcast.

    python tools/train_model_zoo.py --results results-imagenet.csv --structures structures.jsonl --out archcast/zoo/model_zoo.npz

``results-imagenet.csv`` is timm's published table (its repository, folder results). The structures of its architectures are read
once, from models built on the device ``meta``, into ``structures.jsonl``; the same command continues that file. Needs the extra
vision. Printed are the figures of docs/models.md: whole modules left out, with standard errors by a bootstrap over modules.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from archcast.costs.structure_names import STRUCTURE
from archcast.zoo.forecaster import ZooForecaster, conformal_width
from archcast.zoo.recipe import recipe_flags

DRAWS = 200


def read_structures(results: list[dict[str, str]], path: Path) -> dict[tuple[str, int], tuple[str, list[float]]]:
    """(architecture, image size) -> its module file in timm and its structure; what is missing is read from models."""
    found = {}
    if path.exists():
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if "x" in record:
                found[record["arch"], record["size"]] = record["module"], [record["x"][name] for name in STRUCTURE]
    wanted = dict.fromkeys((row["model"].partition(".")[0], int(row["img_size"])) for row in results)
    missing = [key for key in wanted if key not in found]
    if missing:
        from archcast.costs.structure import structure

        with path.open("a") as file:
            for arch, size in missing:
                model = build(arch, size)
                numbers = structure(model, (3, size, size))
                module = type(model).__module__.rpartition(".")[2]
                record = {"arch": arch, "size": size, "module": module, "x": numbers}
                file.write(json.dumps(record) + "\n")
                file.flush()
                found[arch, size] = module, list(numbers.values())
    return found


def build(arch: str, size: int):
    """A model of timm on the device meta: by its image size if it takes one, on the processor first if it insists."""
    import timm
    import torch

    failure: Exception | None = None
    for arguments in ({"img_size": size}, {"input_size": (3, size, size)}, {}):
        for device in ("meta", "cpu"):
            try:
                with torch.device(device):
                    return timm.create_model(arch, pretrained=False, **arguments).to("meta")
            except Exception as error:
                failure = error
    raise SystemExit(f"{arch} cannot be built: {failure}")


def main() -> None:
    """Read, measure, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True, help="Path to timm's results-imagenet.csv.")
    parser.add_argument(
        "--structures", type=Path, required=True, help="Path to the file of structures, made and continued."
    )
    parser.add_argument("--out", type=Path, required=True, help="Path to the forecaster.")
    arguments = parser.parse_args()
    with arguments.results.open(newline="") as file:
        results = list(csv.DictReader(file))
    structures = read_structures(results, arguments.structures)
    rows = [
        (row, structures[key])
        for row in results
        if (key := (row["model"].partition(".")[0], int(row["img_size"]))) in structures
    ]
    x = np.array([numbers for _, (_, numbers) in rows])
    families = [module for _, (module, _) in rows]
    flags = np.array([recipe_flags(row["model"].partition(".")[2]) for row, _ in rows])
    top1 = np.array([float(row["top1"]) for row, _ in rows])
    print(f"{len(rows)} of {len(results)} rows, {len(set(families))} modules")
    report(x, flags, top1, families)
    about = f"timm's results-imagenet.csv: {len(rows)} weights of {len(set(families))} module files; top-1 on ImageNet"
    forecaster = ZooForecaster.fit(x, flags, top1, families, about=about)
    forecaster.save(arguments.out)
    print(f"half widths of 90 % intervals: {forecaster.widths}; {arguments.out.stat().st_size:,} bytes")


def report(x, flags, top1, families) -> None:
    """Figures of forecasts for modules that were left out."""
    names = np.array(families)
    modules = sorted(set(families))
    index = list(STRUCTURE)
    cases = {
        "activations alone": x[:, index.index("log_activations")],
        "MACs alone": x[:, index.index("log_macs")],
        "params alone": x[:, index.index("log_params")],
    }
    cases["structure and recipe"], cases["structure"] = ZooForecaster.left_out(x, flags, top1, families)
    rng = np.random.default_rng(0)
    draws = [
        np.concatenate([np.flatnonzero(names == m) for m in rng.choice(modules, len(modules))]) for _ in range(DRAWS)
    ]
    pairs = equal_budget(x, names)
    for title, forecast in cases.items():
        tau = kendalltau(forecast, top1).statistic
        error = np.std([kendalltau(forecast[rows], top1[rows]).statistic for rows in draws])
        line = f"{title:22} tau {tau:.3f} ± {error:.3f}, pairs {pair_share(forecast, top1, pairs):.3f}"
        if "structure" in title:
            line += f", MAE {np.abs(forecast - top1).mean():.2f}, 90 % intervals cover {coverage(forecast, top1, names):.3f}"
        print(line)


def coverage(forecast, top1, names) -> float:
    """Share of models inside an interval whose width comes from the errors of other modules alone."""
    errors = np.abs(forecast - top1)
    inside = np.zeros(len(names), dtype=bool)
    for fold in np.array_split(np.random.default_rng(1).permutation(sorted(set(names))), 10):
        there = np.isin(names, fold)
        inside[there] = errors[there] <= conformal_width(errors[~there], names[~there].tolist())
    return float(inside.mean())


def equal_budget(x, names):
    """Pairs of models of different modules whose parameters and operations differ by less than a quarter."""
    index = list(STRUCTURE)
    size, macs = x[:, index.index("log_params")], x[:, index.index("log_macs")]
    i, j = np.triu_indices(len(x), 1)
    near = (
        (np.abs(size[i] - size[j]) < np.log(1.25)) & (np.abs(macs[i] - macs[j]) < np.log(1.25)) & (names[i] != names[j])
    )
    return i[near], j[near]


def pair_share(forecast, top1, pairs) -> float:
    """Share of the pairs that are more than half a point apart which the forecast orders right."""
    i, j = pairs
    apart = np.abs(top1[i] - top1[j]) > 0.5
    i, j = i[apart], j[apart]
    return float(((forecast[i] > forecast[j]) == (top1[i] > top1[j])).mean())


if __name__ == "__main__":
    main()

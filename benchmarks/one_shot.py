"""One-shot predictors on ``digits``: which regime and which query rank architectures, at what cost.

    python benchmarks/one_shot.py --seeds 0,1,2 --jobs 2 --out one_shot.jsonl      # trains; a line for each training
    python benchmarks/one_shot.py --show one_shot.jsonl                            # the tables of docs/studies/one-shot.md
    python benchmarks/one_shot.py --stack one_shot.jsonl                           # what the scores are worth to `stack`
    python benchmarks/one_shot.py --watch --only "path dropout" --seeds 0          # over epochs, by dropout rate
    python benchmarks/one_shot.py --two one-shot-darts                             # S2: a skip and a convolution on every edge
    python benchmarks/one_shot.py --pairs --jobs 2                                 # a task without a table
    python benchmarks/one_shot.py --ratios                                         # time and memory against full DARTS

Everything a predictor sees are images; the table of stand-alone accuracies is read here, to judge the scores.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import kendalltau, rankdata

import archcast
from archcast.errors import ArchcastError

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "functions, 5 paths, 50 epochs (default)": ("one-shot", {}),
    "functions, 5 paths, 20 epochs": ("one-shot", {"epochs": 20}),
    "functions, 1 path, 50 epochs": ("one-shot", {"paths": 1, "learning_rate": 0.05}),
    "rows, 5 paths, 50 epochs": ("one-shot", {"sampling": "rows"}),
    "rows, 1 path, 100 epochs (RSPS)": ("one-shot-random-sampling", {}),
    "FairNAS": ("one-shot-fairnas", {}),
    "FairNAS over functions": ("one-shot-fairnas", {"sampling": "functions"}),
    "few-shot": ("one-shot-few-shot", {}),
    "few-shot, rows": ("one-shot-few-shot", {"sampling": "rows"}),
    "sandwich rule": ("one-shot-sandwich", {}),
    "progressive shrinking": ("one-shot-progressive-shrinking", {}),
    "SMASH": ("one-shot-smash", {}),
    "joint": ("one-shot-joint", {}),
    "path dropout .2": ("one-shot-drop-path", {"rate": 0.2}),
    "path dropout .5": ("one-shot-drop-path", {}),
    "path dropout .8": ("one-shot-drop-path", {"rate": 0.8}),
    "path dropout .5, one ghost batch": ("one-shot-drop-path", {"ghosts": 1}),
    "scheduled path dropout .8": ("one-shot-scheduled-drop-path", {"rate": 0.8}),
    "DARTS, first order": ("one-shot-darts", {}),
    "DARTS, second order": ("one-shot-darts", {"order": 2, "epochs": 15}),
    "SmoothDARTS, random": ("one-shot-smooth-darts", {}),
    "SmoothDARTS, adversarial": ("one-shot-smooth-darts", {"perturbation": "adversarial", "epochs": 15}),
    "PC-DARTS": ("one-shot-pc-darts", {}),
    "P-DARTS": ("one-shot-p-darts", {}),
    "ASAP": ("one-shot-asap", {}),
    "DrNAS": ("one-shot-drnas", {}),
    "progressive DrNAS": ("one-shot-progressive-drnas", {}),
    "SNAS": ("one-shot-snas", {}),
    "DSNAS": ("one-shot-dsnas", {}),
    "GDAS": ("one-shot-gdas", {}),
    "NASP": ("one-shot-nasp", {}),
    "ProxylessNAS, gates": ("one-shot-proxyless", {}),
    "ProxylessNAS, REINFORCE": ("one-shot-proxyless", {"estimator": "reinforce"}),
    "REBAR": ("one-shot-relax", {}),
    "RELAX": ("one-shot-relax", {"estimator": "relax"}),
    "sigmoid gates, falling temperature": ("one-shot-temperature-sigmoid", {}),
    "ENAS": ("one-shot-enas", {}),
    "default, training labels permuted": ("one-shot", {"permuted": True}),
    "default, statistics of training images": ("one-shot", {"statistics": "training"}),
    "rows, 1 path, moving averages": ("one-shot-random-sampling", {"statistics": "running"}),
}
"""What a row of the table is called -> predictor and its settings."""

DERIVED = ("score", "weights", "perturbation")
MEASURES = ("loss", "accuracy", "divergence", "strength", "likelihood")


def permuted(seed: int) -> Any:
    """``digits`` whose training labels are shuffled: what a supernet learns then is no more than its own size."""
    import torch

    from archcast.training import Dataset, load_dataset

    data = load_dataset("digits")
    x, y = data.train
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    return Dataset("digits", (x, y[order]), data.validation, data.test, data.classes, data.augmentation)


def judge(scores: Any, truth: Any) -> dict[str, float]:
    """Tau of all, tau of the better half, mean true accuracy of the ten highest scores."""
    better = truth >= np.median(truth)
    return {
        "tau": float(kendalltau(scores, truth).statistic),
        "half": float(kendalltau(scores[better], truth[better]).statistic),
        "ten": float(truth[np.argsort(-scores, kind="stable")[:10]].mean()),
    }


def study(
    name: str, seed: int, limit: int | None = None, epochs: int | None = None, trained: dict[str, float] | None = None
) -> dict[str, Any]:
    """One training, judged by every measure; ``trained`` are accuracies of cells that were derived before."""
    import torch

    from archcast.supernets.queries import dominant_eigenvalue

    torch.set_num_threads(1)
    digits = archcast.load_benchmark("digits")
    archs, truth = digits.archs[:limit], digits.metrics["test_accuracy"][:limit]
    predictor_name, settings = SETTINGS[name]
    settings = dict(settings)
    if settings.pop("permuted", False):
        settings["dataset"] = permuted(seed)
    if epochs is not None:
        settings["epochs"] = epochs
    predictor = archcast.get_predictor(predictor_name, "nasbench201", random_state=seed, **settings)
    out: dict[str, Any] = {
        "name": name,
        "predictor": predictor_name,
        "seed": seed,
        "measure": predictor.setting("measure"),
    }
    start = time.process_time()
    try:
        predictor.init()
    except ArchcastError as error:
        return out | {"failure": str(error)}
    out["init_seconds"] = time.process_time() - start
    for measure in MEASURES:
        if measure == "likelihood" and not predictor.trained().learns_weights:
            continue
        start = time.process_time()
        scores = predictor.set_params(measure=measure).query(archs).mean
        if measure == "loss":
            out["query_ms"] = 1000 * (time.process_time() - start) / len(archs)
            out["scores"] = scores.round(5).tolist()
        out[measure] = judge(scores, truth)
    predictor.set_params(measure=None)
    known = {tuple(row): value for row, value in zip(digits.archs.tolist(), digits.metrics["test_accuracy"].tolist())}
    for by in ("score", *(["weights"] if predictor.trained().learns_weights else []), "perturbation"):
        row = digits.space.canonical(predictor.derive(by))[0]
        out[f"derived_{by}"] = {
            "row": digits.space.format(row)[0],
            "accuracy": known.get(tuple(row.tolist()))
            or (trained or {}).get(digits.space.format(row)[0])
            or alone(row),
            "skips": int((row == 1).sum()),
            "nones": int((row == 0).sum()),
        }
        trained = (trained or {}) | {out[f"derived_{by}"]["row"]: out[f"derived_{by}"]["accuracy"]}
    regime = predictor.trained()
    if hasattr(regime, "alpha") and hasattr(regime, "probabilities") and predictor_name == "one-shot-darts":
        x, y = predictor._held()
        out["eigenvalue"] = dominant_eigenvalue(
            lambda alpha: regime.loss(regime.mixed_logits(x, torch.softmax(alpha, 1)), y), regime.alpha
        )
    return out


def alone(row: Any) -> float:
    """Test accuracy of one cell, trained three times as the cells of the table were."""
    from archcast.training import Trainer, settings_for

    trainer = Trainer("nasbench201", "digits", **settings_for("digits", "nasbench201"))
    return float(np.mean([run.test_accuracy for run in trainer.train_seeds(row, (0, 1, 2))]))


def show(path: Path) -> None:
    """The tables as Markdown."""
    digits = archcast.load_benchmark("digits")
    truth = digits.metrics["test_accuracy"]
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in path.read_text().splitlines():
        run = json.loads(line)
        runs[run["name"]].append(run)

    def cell(values: list[float], error: bool = True) -> str:
        text = f"{np.mean(values):.3f}"
        if error and len(values) > 1:
            text += f" ± {np.std(values, ddof=1) / len(values) ** 0.5:.3f}"
        return text.replace("0.", ".")

    head = [f"tau by {measure}" for measure in MEASURES]
    rest = ["better half", "ten best", "init s", "ms a query", *(f"derived by {by}" for by in DERIVED)]
    print("| regime | " + " | ".join(head + rest) + " |")
    print("|---" * (1 + len(head) + len(rest)) + "|")
    for name in SETTINGS:
        done = [run for run in runs[name] if "failure" not in run]
        if not done:
            continue
        own = done[0]["measure"]
        cells = []
        for measure in MEASURES:
            found = [run[measure]["tau"] for run in done if measure in run]
            cells.append("" if not found else f"**{cell(found)}**" if measure == own else cell(found, error=False))
        cells += [cell([run[own][key] for run in done]) for key in ("half", "ten")]
        cells += [f"{np.mean([run['init_seconds'] for run in done]):.0f}"]
        cells += [f"{np.mean([run['query_ms'] for run in done]):.1f}"]
        for by in DERIVED:
            found = [run[f"derived_{by}"] for run in done if f"derived_{by}" in run]
            share = [(truth > one["accuracy"]).mean() for one in found]
            accuracy = cell([one["accuracy"] for one in found], error=False) if found else ""
            cells.append(f"{accuracy} ({100 * np.mean(share):.1f} %)" if found else "")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print()
    params = digits.proxies["params"]
    print("| beside them | tau | better half | ten best |")
    print("|---|---|---|---|")
    for proxy in ("params", "synflow", "zen", "nwot", "grad_norm"):
        values = np.nan_to_num(digits.proxies[proxy], nan=-np.inf)
        found = judge(rankdata(values), truth)
        print(f"| {proxy} | {found['tau']:.3f} | {found['half']:.3f} | {found['ten']:.3f} |")
    default = [run for run in runs["functions, 5 paths, 50 epochs (default)"] if "scores" in run]
    if default:
        synflow = rankdata(np.nan_to_num(digits.proxies["synflow"], nan=-np.inf))
        both = [judge(rankdata(run["scores"]) + synflow, truth) for run in default]
        print(
            f"| default and synflow, sum of ranks | {cell([b['tau'] for b in both])} | {cell([b['half'] for b in both])} "
            f"| {cell([b['ten'] for b in both])} |"
        )
        size = [float(kendalltau(run["scores"], params).statistic) for run in default]
        print(
            f"\ntau of the default's scores with params: {cell(size)}; of the truth: {kendalltau(truth, params).statistic:.3f}"
        )
    control = [run for run in runs["default, training labels permuted"] if "scores" in run]
    if control:
        print(f"permuted labels: {cell([run['loss']['tau'] for run in control])}")
    values = [run["eigenvalue"] for run in runs["DARTS, first order"] if "eigenvalue" in run]
    if values:
        print(f"dominant eigenvalue of DARTS, first order: {cell(values)}")


def stack(path: Path) -> None:
    """Tau of ``stack`` on 300 others, told nothing, the default's scores, synflow, and both; paired over splits."""
    digits = archcast.load_benchmark("digits")
    truth, synflow = digits.metrics["test_accuracy"], {"synflow": digits.proxies["synflow"]}
    runs = [json.loads(line) for line in path.read_text().splitlines()]
    scores = [np.array(run["scores"]) for run in runs if run["name"].endswith("(default)")]
    for n, splits in ((10, 9), (32, 9), (100, 4)):
        taus = np.zeros((splits, 4))
        for split in range(splits):
            order = np.random.default_rng(split).permutation(len(truth))
            seen, others = order[:n], order[n : n + 300]
            told = {"one_shot": scores[split % len(scores)]}
            for number, proxies in enumerate(({}, told, synflow, told | synflow)):
                evidence = archcast.Evidence(proxies=proxies) if proxies else None
                model = archcast.get_predictor("stack", digits.space, random_state=0)
                model.init(digits.archs[seen], truth[seen], evidence and evidence[seen])
                answer = model.query(digits.archs[others], evidence and evidence[others])
                taus[split, number] = kendalltau(answer.mean, truth[others]).statistic
        gain = taus - taus[:, :1]
        error = gain.std(axis=0, ddof=1) / splits**0.5
        print(
            n, "tau", taus.mean(axis=0).round(3), "gain", gain.mean(axis=0).round(3), "+-", error.round(3), flush=True
        )


def pairs() -> Any:
    """Two digits side by side, labelled with the larger; noisy."""
    import torch
    from sklearn.datasets import load_digits

    from archcast.training import Augmentation, Dataset

    x, y = load_digits(return_X_y=True)
    generator = torch.Generator().manual_seed(0)
    digits = torch.tensor((x.reshape(-1, 1, 8, 8) / 16 - 0.2) / 0.4).float()
    both = torch.randint(len(y), (2, 2400), generator=generator)
    images = torch.cat([digits[both[0]], digits[both[1]]], dim=3)
    images = images + 0.4 * torch.randn(images.shape, generator=generator)
    labels = torch.tensor(y)[both].max(dim=0).values
    parts = [(images[a:b], labels[a:b]) for a, b in ((0, 800), (800, 1400), (1400, 2400))]
    return Dataset("pairs", parts[0], parts[1], parts[2], 10, Augmentation(noise=0.2))


def without_a_table(jobs: int) -> None:
    """The default on pairs of digits, against 48 functions that are trained three times each."""
    from archcast.training import Trainer, sample_functions, settings_for

    space = archcast.get_space("nasbench201")
    rows, how = sample_functions(space, 48, 7), settings_for("digits", space)
    trainer = Trainer(space, pairs(), **how)
    runs = Parallel(n_jobs=jobs)(delayed(trainer.train_seeds)(row, (0, 1, 2)) for row in rows)
    truth = np.array([np.mean([run.test_accuracy for run in three]) for three in runs])
    size = [three[0].params for three in runs]
    print(f"params {kendalltau(size, truth).statistic:.3f}")
    task = archcast.Task(width=16, depth=1, stages=1)
    for seed in range(3):
        predictor = archcast.get_predictor("one-shot", space, dataset=pairs(), task=task, random_state=seed).init()
        print(f"seed {seed}: {kendalltau(predictor.query(rows).mean, truth).statistic:.3f}", flush=True)


def over_epochs(name: str, seed: int) -> dict[str, Any]:
    """One training, watched: the tau of 200 cells by loss after every epoch; where a mixture is learnt also the eigenvalue, the
    skips and nones of the derived cell, and the discretisation gap."""
    import torch

    torch.set_num_threads(1)
    digits = archcast.load_benchmark("digits")
    truth = digits.metrics["test_accuracy"][:200]
    predictor_name, settings = SETTINGS[name]
    predictor = archcast.get_predictor(
        predictor_name, "nasbench201", random_state=seed, watch=digits.archs[:200], **settings
    ).init()
    diary = predictor.diary_
    out: dict[str, Any] = {"name": name, "seed": seed}
    out["loss"] = [float(kendalltau(-one, truth).statistic) for one in diary["loss"]]
    out["accuracy"] = [float(kendalltau(one, truth).statistic) for one in diary["accuracy"]]
    out["spread"] = np.quantile(diary["accuracy"][-1], (0.1, 0.5, 0.9)).tolist()
    return out | _mixture(diary)


def _mixture(diary: dict[str, Any]) -> dict[str, Any]:
    """Of each epoch, what a diary says of a mixture on NAS-Bench-201."""
    if "weights" not in diary:
        return {}
    derived = diary["derived"].astype(int)
    return {
        "eigenvalue": diary["eigenvalue"].tolist(),
        "skips": (derived == 1).sum(axis=1).tolist(),
        "nones": (derived == 0).sum(axis=1).tolist(),
        "gap": (diary["derived_loss"] - diary["mixture_loss"]).tolist(),
    }


def two_operations(method: str, seed: int, epochs: int = 50) -> dict[str, Any]:
    """S2 (Zela et al. 2020) within NAS-Bench-201: a skip and a 3x3 convolution on every edge. What DARTS chooses by its largest
    weights and by perturbation, trained alone, and how the eigenvalue and the skips grow."""
    import torch

    from archcast.supernets.diary import Diary
    from archcast.supernets.loop import train
    from archcast.supernets.queries import perturbed_choice
    from archcast.training import load_dataset

    torch.set_num_threads(1)
    digits, data = archcast.load_benchmark("digits"), load_dataset("digits")
    predictor = archcast.get_predictor(method, "nasbench201", epochs=epochs, random_state=seed)
    predictor.seed_ = seed
    regime = predictor._make(predictor._task(data))
    with torch.no_grad():
        regime.alpha[:, [0, 2, 4]] = -1e9  # their weight is 0, and so is its gradient
    x, y = (part[:216] for part in data.validation)
    diary = Diary(digits.archs[:1], x, y)
    train(regime, data, seed, diary=diary)
    out: dict[str, Any] = {"method": method, "seed": seed, **_mixture(diary.stacked())}
    for by, row in (
        ("weights", regime.derived()),
        ("perturbation", perturbed_choice(regime.net, regime.final_weights(), x, y, seed)),
    ):
        row = digits.space.canonical(row)[0]
        out[by] = {"row": digits.space.format(row)[0], "skips": int((row == 1).sum()), "accuracy": alone(row)}
    return out


class _Kept:
    """A tensor that is kept for the gradient; what all of them hold is counted, a piece of memory once."""

    held: ClassVar[Counter[int]] = Counter()
    now = most = 0

    def __init__(self, tensor: Any) -> None:
        self.tensor, storage = tensor, tensor.untyped_storage()
        self.place, self.bytes = storage.data_ptr(), storage.nbytes()
        _Kept.held[self.place] += 1
        if _Kept.held[self.place] == 1:
            _Kept.now += self.bytes
            _Kept.most = max(_Kept.most, _Kept.now)

    def __del__(self) -> None:
        _Kept.held[self.place] -= 1
        if not _Kept.held[self.place]:
            _Kept.now -= self.bytes


def kept_bytes(regime: Any, data: Any) -> int:
    """The most bytes that a step of one epoch keeps for its gradients; what steps before it left behind is collected."""
    import torch

    from archcast.supernets.loop import train

    step, kept = regime.step, []

    def counted(batch: Any) -> Any:
        gc.collect()
        before = _Kept.most = _Kept.now
        out = step(batch)
        kept.append(_Kept.most - before)
        return out

    regime.step = counted
    regime.settings = replace(regime.settings, epochs=1)
    with torch.autograd.graph.saved_tensors_hooks(_Kept, lambda one: one.tensor):
        train(regime, data, 0)
    return max(kept)


def ratios(names: Iterable[str], epochs: int, repeats: int = 3) -> list[dict[str, Any]]:
    """Processor seconds an epoch (the least of some trainings) and the most bytes that a step keeps for its gradients, each also
    as a share of those of the first regime."""
    import torch

    from archcast.supernets.loop import train
    from archcast.training import load_dataset

    torch.set_num_threads(1)
    data, out = load_dataset("digits"), []
    for name in names:
        method, settings = SETTINGS[name]
        predictor = archcast.get_predictor(method, "nasbench201", random_state=0, **settings | {"epochs": epochs})
        predictor.seed_ = 0
        seconds = []
        for _ in range(repeats):
            regime = predictor._make(predictor._task(data))
            start = time.process_time()
            train(regime, data, 0)
            seconds.append((time.process_time() - start) / epochs)
        run = {"name": name, "seconds": min(seconds), "bytes": kept_bytes(predictor._make(predictor._task(data)), data)}
        out.append(run)
        first = out[0]
        run |= {f"{key} ratio": round(run[key] / first[key], 3) for key in ("seconds", "bytes")}
        print(run, flush=True)
    return out


COMPARED = (
    "DARTS, first order",
    "DARTS, second order",
    "PC-DARTS",
    "GDAS",
    "ProxylessNAS, gates",
    "ProxylessNAS, REINFORCE",
    "rows, 1 path, 100 epochs (RSPS)",
    "functions, 1 path, 50 epochs",
    "functions, 5 paths, 50 epochs (default)",
    "FairNAS",
)
"""Rows of the table whose time and memory are compared, with the first."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2", help="Seeds of the supernets.")
    parser.add_argument("--only", help="Rows of the table, by a part of their name, joined by ';'.")
    parser.add_argument("--jobs", type=int, default=1, help="Worker processes.")
    parser.add_argument("--limit", type=int, help="So many architectures of the table.")
    parser.add_argument("--epochs", type=int, help="Epochs of every training, for a trial.")
    parser.add_argument("--out", type=Path, default=Path("one_shot.jsonl"), help="File that lines are added to.")
    parser.add_argument("--show", type=Path, help="Print the tables of a file and stop.")
    parser.add_argument("--stack", type=Path, help="Say what the scores of a file are worth to stack, and stop.")
    parser.add_argument("--watch", action="store_true", help="The rows of --only over epochs, instead of the table.")
    parser.add_argument("--two", help="A differentiable method on two operations an edge, instead of the table.")
    parser.add_argument("--pairs", action="store_true", help="Compare on a task without a table, and stop.")
    parser.add_argument("--ratios", action="store_true", help="Time and memory against full DARTS, and stop.")
    arguments = parser.parse_args()
    if arguments.ratios:
        ratios(COMPARED, arguments.epochs or 2)
        return
    if arguments.stack:
        stack(arguments.stack)
        return
    if arguments.pairs:
        without_a_table(arguments.jobs)
        return
    if arguments.show:
        show(arguments.show)
        return
    if arguments.watch or arguments.two:
        names = [name for name in SETTINGS if any(part in name for part in (arguments.only or "default").split(";"))]
        for seed in map(int, arguments.seeds.split(",")):
            for name in [arguments.two] if arguments.two else names:
                run = two_operations(name, seed) if arguments.two else over_epochs(name, seed)
                with arguments.out.open("a") as file:
                    file.write(json.dumps(run) + "\n")
                print(run, flush=True)
        return
    parts = arguments.only.split(";") if arguments.only else [""]
    names = [name for name in SETTINGS if any(part in name for part in parts)]
    before = [json.loads(line) for line in arguments.out.read_text().splitlines()] if arguments.out.exists() else []
    done = {(run["name"], run["seed"]) for run in before}
    derived = [run[f"derived_{by}"] for run in before for by in DERIVED if f"derived_{by}" in run]
    trained = {one["row"]: one["accuracy"] for one in derived}
    jobs = [(name, int(seed)) for seed in arguments.seeds.split(",") for name in names]
    work = (delayed(study)(*job, arguments.limit, arguments.epochs, trained) for job in jobs if job not in done)
    for run in Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")(work):
        with arguments.out.open("a") as file:
            file.write(json.dumps(run) + "\n")
        print(run["name"], run["seed"], run.get("failure", run.get(run["measure"])), flush=True)


if __name__ == "__main__":
    main()

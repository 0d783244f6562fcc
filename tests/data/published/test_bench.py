"""``archcast bench`` on files in the official format, of benchmarks whose own files are too large to be at hand: a reader gives
what a benchmark run needs, and the better score to the better network.

A writer is ``write(folder, archs, scores)``: rows of the benchmark's space, and a score of each between 0 and 1, which becomes an
accuracy, an error, or a speed, as the format has it.
"""

from __future__ import annotations

import bz2
import io
import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import archcast

Writer = Callable[[Path, NDArray[np.int64], NDArray[np.float64]], None]
SETS = {
    "cifar10-valid": (["x-valid"], ["ori-test"]),
    "cifar10": (["ori-test"], []),
    "cifar100": (["ori-test"], ["x-valid", "x-test"]),
    "ImageNet16-120": (["ori-test"], ["x-valid", "x-test"]),
}
"""Of each data set of NATS-Bench: what is evaluated at every epoch of a long training, and what at the last one alone."""


def _texts(space: str, archs: NDArray[np.int64]) -> list[str]:
    return archcast.get_space(space).format(archs)


def _run(dataset: str, seed: int, epochs: int, each: list[str], last: list[str], score: float) -> dict[str, Any]:
    """One training, as AutoDL-Projects logs it: accuracies in percent that rise to ``100 * score``."""
    curve = 100 * score * (1 - 0.5 ** (1 + np.arange(epochs) / 3))
    found = {f"{name}@{e}": float(curve[e]) for name in each for e in range(epochs)}
    found |= {f"{name}@{epochs - 1}": float(curve[-1]) for name in last}
    return {
        "name": dataset,
        "train_acc1es": dict(enumerate(curve.tolist())),
        "train_acc5es": dict(enumerate(curve.tolist())),
        "train_losses": dict(enumerate((2 - curve / 100).tolist())),
        "train_times": OrderedDict((e, 12.5) for e in range(epochs)),
        "arch_config": {"name": "infer.tiny", "C": 16},
        "params": np.float64(0.5),
        "flop": np.float64(50.5),
        "seed": f"{seed:04d}",
        "epochs": epochs,
        "latency": [0.01],
        "eval_names": [*each, *last],
        "eval_acc1es": found,
        "eval_times": dict.fromkeys(found, 0.5),
        "eval_losses": {name: 2 - value / 100 for name, value in found.items()},
        "net_state_dict": None,
    }


def _nats_entry(index: int, text: str, score: float, lengths: dict[str, int], datasets: dict[str, Any]) -> Any:
    out = OrderedDict()
    for name, epochs in lengths.items():
        whole = epochs < 200  # all sets at all epochs
        runs = {
            (dataset, 777): _run(dataset, 777, epochs, [*each, *last] if whole else each, [] if whole else last, score)
            for dataset, (each, last) in datasets.items()
        }
        out[name] = {
            "arch_index": index,
            "arch_str": text,
            "all_results": runs,
            "dataset_seed": {dataset: [777] for dataset in datasets},
            "clear_net_done": True,
        }
    return out


def _nats(folder: Path, name: str, texts: list[str], scores: NDArray[np.float64], lengths: dict[str, int]) -> None:
    (here := folder / name).mkdir(parents=True)
    meta = {"meta_archs": texts, "total_archs": len(texts), "arch2infos": None, "evaluated_indexes": set()}
    (here / "meta.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(meta, protocol=4)))
    for k, (text, score) in enumerate(zip(texts, scores.tolist(), strict=True)):
        entry = _nats_entry(k, text, score, lengths, SETS)
        (here / f"{k:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(entry, protocol=4)))


def nats_tss(folder: Path, archs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    _nats(folder, "NATS-tss-v1_0-3ffb9-simple", _texts("nasbench201", archs), scores, {"12": 12, "200": 200})


def nats_sss(folder: Path, archs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    _nats(folder, "NATS-sss-v1_0-50262-simple", _texts("nats-size", archs), scores, {"01": 1, "12": 12, "90": 90})


def nas_bench_360(folder: Path, archs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    texts = _texts("nasbench201", archs)
    for file, dataset in (("daa55", "ninapro"), ("48858", "darcyflow")):
        datasets = {dataset: (["ori-test"], ["x-valid", "x-test"])}
        values = (scores if dataset == "ninapro" else 1 - scores).tolist()  # of darcyflow: errors
        infos = {k: _nats_entry(k, texts[k], value, {"200": 200}, datasets) for k, value in enumerate(values)}
        whole = {
            "meta_archs": texts,
            "total_archs": len(texts),
            "arch2infos": infos,
            "evaluated_indexes": set(range(len(texts))),
        }
        (folder / f"NATS-tss-v1_0-{file}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(whole, protocol=4)))


def hw_gpt_bench(folder: Path, archs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    table: dict[str, Any] = {}
    for text, score in zip(_texts("hw-gpt-s", archs), scores.tolist(), strict=True):
        devices = {device: {"latencies": [5 / score] * 10, "energies": [1 / score] * 50} for device in ("a100", "h100")}
        devices["cpu_xeon_silver"] = {"latencies": [90 / score] * 10, "energies": 2 / score}
        sizes = {"flops": 2e12, "params": 1e8, "float16_memory": 300.5, "bfloat16_memory": 300.5}
        table[text] = {**devices, **sizes, "perplexity": 20 / score, "accuracy": score / 2}
    (folder / "gpt_s").mkdir()
    (folder / "gpt_s" / "stats.pkl").write_bytes(pickle.dumps(table, protocol=4))


def suite_zero(folder: Path, archs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    rows = {
        str(tuple(row)): {
            "idx": str(k),
            "arch": str(tuple(row)),
            "val_accuracy": 100 * score,
            **{name: {"score": score * k, "time": 0.5} for name in ("synflow", "nwot", "flops")},
        }
        for k, (row, score) in enumerate(zip(archs.tolist(), scores.tolist(), strict=True))
    }
    (folder / "zc_transbench101_micro.json").write_text(json.dumps({"jigsaw": rows}))


def _cells(archs: NDArray[np.int64]) -> dict[str, dict[str, str]]:
    return {str(k): {"nb201-string": text, "isomorph": str(k)} for k, text in enumerate(_texts("nasbench201", archs))}


def nas_robbench_201(folder: Path, archs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    rows = {
        str(k): {f"val_{attack}_acc": {"1": score} for attack in ("clean", "fgsm_3.0", "pgd_3.0", "pgd_8.0")}
        for k, score in enumerate(scores.tolist())
    }
    (folder / "meta.json").write_text(json.dumps({"ids": _cells(archs)}))
    (folder / "NAS-RobBench-201_all.json").write_text(json.dumps({"cifar10": rows, "cifar100": rows}))


def robustness(folder: Path, archs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    epsilons = {"pgd@Linf": [0.1, 0.5, 1.0]}
    (folder / "meta.json").write_text(json.dumps({"ids": _cells(archs), "epsilons": epsilons}))
    (folder / "cifar10").mkdir()
    values = {
        "clean": dict(enumerate(scores.tolist())),
        "pgd@Linf": {k: [score / 2, score / 3, score / 9] for k, score in enumerate(scores.tolist())},
        "fog": {k: [score / part for part in range(2, 7)] for k, score in enumerate(scores.tolist())},
    }
    for key, by_cell in values.items():
        text = json.dumps({"cifar10": {key: {"accuracy": by_cell}}})
        (folder / "cifar10" / f"{key}_accuracy.json").write_text(text)


def nasbench_asr(folder: Path, archs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    vectors = [[(row[0], row[1]), tuple(row[2:5]), tuple(row[5:9])] for row in archs.tolist()]
    codes = [f"{k:032x}" for k in range(len(archs))]
    space = {"shape": [[6, 2], [6, 2, 2], [6, 2, 2, 2]], "ops": [], "nodes": 3}
    head = {"search_space": space, "version": 1}
    files: dict[str, tuple[dict[str, Any], list[Any]]] = {}
    for seed in (1234, 1235):
        rows = [
            [code, (1 - score * (1 - 0.7 ** np.arange(1, 41))).tolist(), 1.02 - score, vector]
            for code, score, vector in zip(codes, scores.tolist(), vectors, strict=True)
        ]
        columns = ["model_hash", "val_per", "test_per", "arch_vec"]
        files[f"e40-{seed}"] = ({**head, "dataset_type": "training", "columns": columns, "seed": seed}, rows)
    columns, device = ["model_hash", "latency"], "jetson-nano-fp32"
    rows = [[code, 0.5 + k] for k, code in enumerate(codes)]
    files[f"bench-{device}"] = (
        {**head, "dataset_type": "benchmarking", "columns": columns, "device": device}, rows)  # fmt: skip
    rows = [[code, 26_338_848 + k] for k, code in enumerate(codes)]
    files["info"] = ({**head, "dataset_type": "static", "columns": ["model_hash", "params"]}, rows)
    for name, (header, rows) in files.items():
        data = pickle.dumps(header, protocol=4) + pickle.dumps(rows, protocol=4)
        (folder / f"nb-asr-{name}.pickle").write_bytes(data)


def transnas_macro(folder: Path, archs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    data = {}
    for text, score in zip(_texts("transnasbench101-macro", archs), scores.tolist(), strict=True):
        curve = (score * (1 - 0.5 ** np.arange(1, 26))).tolist()
        metrics = {f"{split}_top1": [100 * v for v in curve] for split in ("train", "valid", "test")}
        metrics |= {f"{split}_loss": [2 - v for v in curve] for split in ("train", "valid", "test")}
        info = {"inference_time": 0.01, "encoder_params": 5.0, "model_params": 9.5, "model_FLOPs": 2.0}
        entry = {"total_epochs": 25, "model_info": info, "metrics": {**metrics, "time_elapsed": [9.5] * 25}}
        data[text] = {"class_scene": entry}
    table = {"metrics_dict": {}, "info_names": [], "task_list": ["class_scene"], "data": {"macro": data, "micro": {}}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(table, protocol=2))
        archive.writestr("archive/version", "3\n")
    (folder / "transnas-bench_v10141024.pth").write_bytes(buffer.getvalue())


WRITERS: dict[str, tuple[str, Writer]] = {
    "hw-gpt-bench/s": ("hw-gpt-s", hw_gpt_bench),
    "nas-bench-360/ninapro": ("nasbench201", nas_bench_360),
    "nas-bench-360/darcyflow": ("nasbench201", nas_bench_360),
    "nas-bench-suite-zero/transbench101_micro/jigsaw": ("transnasbench101-micro", suite_zero),
    "nas-robbench-201/cifar10": ("nasbench201", nas_robbench_201),
    "nasbench-asr": ("nasbench-asr", nasbench_asr),
    "nats-sss/cifar100": ("nats-size", nats_sss),
    "nats-tss/cifar10": ("nasbench201", nats_tss),
    "robustness-nasbench201/cifar10": ("nasbench201", robustness),
    "transnasbench101-macro/class_scene": ("transnasbench101-macro", transnas_macro),
}
"""Benchmark and task -> its space and what writes its files."""


@pytest.mark.parametrize("name", WRITERS)
def test_a_predictor_learns_from_a_task_of_each(tmp_path, name) -> None:
    space_name, write = WRITERS[name]
    space = archcast.get_space(space_name)
    archs = space.sample(90, 0)
    archs = archs[np.sort(np.unique(space.canonical(archs), axis=0, return_index=True)[1])][:40]
    wide = archs / (np.array(space.cardinalities) - 0.5)
    scores = 0.3 + 0.6 * wide[:, : min(4, wide.shape[1])].mean(axis=1) + 1e-4 * np.arange(len(archs)) / len(archs)
    write(tmp_path, archs, scores)
    benchmark = archcast.load_benchmark(name, tmp_path)
    np.testing.assert_array_equal(np.argsort(benchmark.scores()[benchmark.find(archs)]), np.argsort(scores))
    results = archcast.evaluate(["random-forest"], benchmark, train_sizes=[20], trials=1, seed=0)
    assert results.frame["kendall_tau"].iloc[0] > 0.2

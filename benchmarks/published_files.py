"""Files of published benchmarks at their full size, in the official format, with made values: what `published.py` reads.

Each writer is ``write(folder, rng, share)`` and returns what ``load_benchmark`` is to be given; ``share`` below 1 makes so much of
the file. Numbers of rows are those of the release: where these are not published, the docstring says what was taken.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data.published.lcbench import DATASETS as LCBENCH
from archcast.data.published.nasbench301 import FIRST_EDGE, PREFIX, SCHEDULE
from archcast.spaces.base import get_space
from archcast.spaces.darts import OPERATIONS

__all__ = ["WRITERS"]

Rng = np.random.Generator
FOLDERS = ("rs", "de", "tpe", "re", "darts", "bananas", "combo", "pc_darts", "drnas", "gdas", "random_ws")
VISION = {"class_scene": "top1", "class_object": "top1", "room_layout": "neg_loss", "jigsaw": "top1",
          "segmentsemantic": "acc", "normal": "ssim", "autoencoder": "ssim"}  # fmt: skip


def nasbench301(folder: Path, rng: Rng, share: float) -> Path:
    """46,526 logs of one entry each, as many as the splits of its authors name."""
    space, count = get_space("darts"), max(1, round(46_526 * share))
    for k, row in enumerate(space.sample(count, rng)):
        config: dict[str, Any] = {f"{PREFIX}init_channels": 32, f"{PREFIX}layers": 8, SCHEDULE: 100}
        for cell, kind in zip(row.reshape(2, 4, 2, 2).tolist(), ("normal", "reduce")):
            for (node, first), pairs in zip(FIRST_EDGE.items(), cell):
                pairs = sorted(pairs)
                if node > 2:
                    config[f"{PREFIX}inputs_node_{kind}_{node}"] = "_".join(str(source) for source, _ in pairs)
                config |= {f"{PREFIX}edge_{kind}_{first + source}": OPERATIONS[op] for source, op in pairs}
        config |= {f"ImageAugmentation:setting_{n}": "True" for n in range(20)}
        info = {"train_loss": 0.6, "train_accuracy": 86.6, "val_accuracy": 90 + 5 * rng.random(), "epochs": 98}
        info |= {"model_parameters": int(rng.integers(1_000_000, 5_000_000)), "learning_rate": 1e-6}
        log = {
            "optimized_hyperparamater_config": config,
            "budget": 100,
            "info": [info],
            "test_accuracy": 94.5,
            "runtime": 9e3,
        }
        file = folder / "nb_301_v13" / FOLDERS[k % len(FOLDERS)] / f"results_{k}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(log))
    return folder


def blox(folder: Path, rng: Rng, share: float) -> Path:
    """91,125 networks, seed 0: what is known beforehand, the table, and the extension with losses, packed in bits."""
    count, epochs = max(2, round(91_125 * share)), 200
    hashes = [rng.bytes(16) for _ in range(count)]
    cells = [
        (np.arange(count) // 45**k % 45) for k in range(3)
    ]  # codes of three cells: 9 pairs of operations, 5 ways to connect
    packed = np.stack([(code // 5 << 3) | np.array([4, 5, 6, 7, 2])[code % 5] for code in cells], axis=1).astype(
        np.uint8
    )
    sizes = rng.integers(1 << 20, 1 << 30, (count, 2)).astype("<u4")
    head = "---\nversion: 1\ndataset_type: {}\ncolumns:\n{}{}format: custom\ncolumn_types:\n{}---\n"

    def save(name: str, kind: str, types: dict[str, str], more: str, rows: list[bytes]) -> None:
        columns = "".join(f"- {column}\n" for column in types)
        text = head.format(kind, columns, more, "".join(f"  {key}: {value}\n" for key, value in types.items()))
        body = len(rows).to_bytes(4, "little") + b"".join(rows)
        (folder / f"{name}.blox").write_bytes(
            text.encode() + zlib.compress((8 * len(body)).to_bytes(8, "little") + body, 1)
        )

    folder.mkdir(parents=True, exist_ok=True)
    static = {"model_hash": "hash", "params": "int", "flops": "int", "arch_vec": "arch"}
    save("blox-info", "static", static, "", [c + s.tobytes() + p.tobytes() for c, s, p in zip(hashes, sizes, packed)])

    def bits(width: int, most: int) -> list[bytes]:
        """Counts of images in so many bits each, a curve a row."""
        rows = []
        for _ in range(count):
            values = rng.integers(0, most, epochs)
            rows.append(np.packbits(values[:, None] >> np.arange(width) & 1, bitorder="little").tobytes())
        return rows

    length = bytes([epochs])
    seconds = rng.integers(1000, 9000, count).astype("<u4")
    tests = rng.integers(0, 9000, (3, count)).astype("<u2")
    base = {"model_hash": "hash", "val_top1": "list[b_0_4000_12]", "test_top1": "b_0_9000_16", "train_time_s": "int"}
    rows = [c + length + v + t.tobytes() + s.tobytes() for c, v, t, s in zip(hashes, bits(12, 4000), tests[0], seconds)]
    save("blox-base-0", "training", base, "seed: 0\nepochs: 200\ndataset: cifar100\npart: base\n", rows)
    ext = {"model_hash": "hash", "train_top1": "list[b_0_44000_16]", "train_loss": "list[float]",
           "train_top5": "list[b_0_44000_16]", "val_loss": "list[float]", "val_top5": "list[b_0_4900_13]",
           "test_loss": "float", "test_top5": "b_0_9000_16"}  # fmt: skip
    losses = [rng.integers(0, 256, (count, 3 * epochs), dtype=np.uint8) for _ in range(2)]
    columns = zip(hashes, bits(16, 44_000), losses[0], bits(16, 44_000), losses[1], bits(13, 4_900), tests[1], tests[2])
    rows = [
        code + length + top1 + length + loss.tobytes() + length + top5 + length + val.tobytes() + length + val5 + b"\1\2\3"
        + test.tobytes()
        for code, top1, loss, top5, val, val5, _, test in columns
    ]  # fmt: skip
    save("blox-ext-0", "training", ext, "seed: 0\nepochs: 200\ndataset: cifar100\npart: ext\n", rows)
    return folder


def jahs_bench_201(folder: Path, rng: Rng, share: float) -> Path:
    """2,700,000 rows of CIFAR-10, 13,500 configurations of 200 epochs: its paper has 161 million values of 20 columns on three
    tasks."""
    import pandas as pd

    count, epochs = max(1, round(13_500 * share)), 200
    of = np.repeat(np.arange(count), epochs)
    columns: dict[tuple[str, str], Any] = {("features", f"Op{k}"): rng.integers(0, 5, count)[of] for k in range(1, 7)}
    options = {"N": [1, 3, 5], "W": [4, 8, 16], "Resolution": [0.25, 0.5, 1.0], "TrivialAugment": [False, True]}
    columns |= {("features", name): rng.choice(values, count)[of] for name, values in options.items()}
    columns["features", "Activation"] = rng.choice(np.array(["ReLU", "Hardswish", "Mish"], dtype=object), count)[of]
    columns["features", "Optimizer"] = np.full(len(of), "SGD", dtype=object)
    columns |= {("features", name): rng.random(count)[of] for name in ("LearningRate", "WeightDecay")}
    columns["features", "epoch"] = np.tile(np.arange(1, epochs + 1), count)
    names = [f"{split}-{what}" for split in ("train", "valid", "test") for what in ("acc", "loss", "duration")]
    columns |= {("labels", name): np.round(100 * rng.random(len(of)), 2) for name in (*names, "latency", "runtime")}
    columns |= {("labels", name): rng.random(count)[of] for name in ("FLOPS", "size_MB")}
    frame = pd.DataFrame(columns)
    file = folder / "cifar10" / "raw.pkl.gz"
    file.parent.mkdir(parents=True)
    with gzip.open(file, "wb", compresslevel=1) as out:
        pickle.dump(frame, out, protocol=4)
    return folder


def nas_hpo_bench_ii(folder: Path, rng: Rng, share: float) -> Path:
    """1,011 cells that differ, 48 settings, seeds 222, 555 and 888: 145,584 trainings of twelve epochs."""
    codes = ["".join(digits) for digits in product("0123", repeat=6)]
    texts = [f"{code[0]}|{code[1:3]}|{code[3:]}" for code in codes]
    unlike = [f"{k:032x}" for k in range(max(2, round(1_011 * share)))]
    table = {text: unlike[k % len(unlike)] for k, text in enumerate(texts)}
    rates, sizes = [0.003125 * 2**k for k in range(8)], [16 * 2**k for k in range(6)]
    keys = list(product(unlike, rates, sizes, (222, 555, 888)))
    columns: dict[str, Any] = {"hash": {key: key[0] for key in keys}}
    columns |= {name: {key: key[k] for key in keys} for k, name in ((1, "lr"), (2, "batch_size"), (3, "seed"))}
    for split, what, epoch in product(("train", "valid", "test"), ("acc", "time"), range(12)):
        columns[f"{split}_{what}_{epoch}"] = dict(zip(keys, (100 * rng.random(len(keys))).tolist()))
    columns |= {f"total_{name}_time": dict.fromkeys(keys, 99.5) for name in ("train", "trainval", "test")}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "bench12.pkl").open("wb") as out:
        pickle.dump(columns, out, protocol=4)
    (folder / "cellinfo.pkl").write_bytes(pickle.dumps({"hash": table}, protocol=4))
    return folder


def lcbench(folder: Path, rng: Rng, share: float) -> Path:
    """35 data sets of 2,000 configurations, the light file: six logged signals of 52 values."""
    tags = (
        "Train/loss",
        "Train/train_accuracy",
        "Train/val_accuracy",
        "Train/val_cross_entropy",
        "Train/test_result",
        "time",
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "data_2k_lw.json"
    with file.open("w") as out:
        for place, name in enumerate(LCBENCH):
            out.write(f"{'{' if place == 0 else ', '}{json.dumps(name)}: {{")
            for k in range(max(2, round(2_000 * share))):
                config = {"batch_size": int(rng.integers(16, 513)), "learning_rate": rng.random(), "momentum": rng.random(),
                          "weight_decay": rng.random(), "num_layers": int(rng.integers(1, 6)), "max_units": 64,
                          "max_dropout": rng.random(), "network": "shapedmlpnet", "imputation_strategy": "mean"}  # fmt: skip
                log = dict(zip(tags, (100 * rng.random((len(tags), 52))).tolist()))
                entry = {"config": config, "log": log, "results": {"OpenML_task_id": 31, "test_accuracy": 70.5}}
                out.write(f'{", " if k else ""}"{k}": {json.dumps(entry)}')
            out.write("}")
        out.write("}")
    return folder


def transnas(folder: Path, rng: Rng, share: float) -> Path:
    """4,096 cells and 3,256 skeletons, seven tasks, curves of 25 epochs."""
    data: dict[str, Any] = {}
    for kind in ("micro", "macro"):
        space = get_space(f"transnasbench101-{kind}")
        archs = space.enumerate()
        data[kind] = {}
        for text in space.format(archs[: max(2, round(len(archs) * share))]):
            tasks = {}
            for task, metric in VISION.items():
                names = ["loss", metric, *(["top5"] if metric == "top1" else [])]
                curves = {
                    f"{split}_{name}": rng.random(25).tolist() for split in ("train", "valid", "test") for name in names
                }
                info = {
                    "inference_time": 0.01,
                    "encoder_params": 5.0,
                    "model_params": 9.5,
                    "model_FLOPs": 2.0,
                    "encoder_FLOPs": 1.0,
                }
                tasks[task] = {
                    "total_epochs": 25,
                    "model_info": info,
                    "metrics": {**curves, "time_elapsed": [9.5] * 25},
                }
            data[kind][text] = tasks
    table = {"metrics_dict": {}, "info_names": [], "task_list": list(VISION), "data": data}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(table, protocol=2))
        archive.writestr("archive/version", "3\n")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transnas-bench_v10141024.pth").write_bytes(buffer.getvalue())
    return folder


def nds(folder: Path, rng: Rng, share: float) -> Path:
    """5,000 networks of DARTS' family, 100 epochs."""
    space = get_space("nds-darts")
    jobs = []
    for text in space.format(space.sample(max(2, round(5_000 * share)), rng)):
        errors = (100 * rng.random((2, 100))).tolist()
        jobs.append(
            {
                "net": json.loads(text), "optim": {"base_lr": 0.1, "wd": 5e-4, "max_ep": 100}, "rng_seed": 1, "params": 1e6,
                "flops": 2e8, "train_ep_top1": errors[0], "train_ep_loss": rng.random(100).tolist(),
                "test_ep_top1": errors[1], "min_test_top1": min(errors[1]), "iter_time": 0.1,
            }
        )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "DARTS.json").write_text(json.dumps(jobs))
    return folder


def hw_gpt_bench(folder: Path, rng: Rng, share: float) -> Path:
    """10,000 networks, thirteen devices with ten latencies and fifty energies each."""
    space, table = get_space("hw-gpt-s"), {}
    for text in space.format(space.sample(max(2, round(10_000 * share)), rng)):
        devices = {
            f"device_{k}": {"latencies": rng.random(10).tolist(), "energies": rng.random(50).tolist()}
            for k in range(13)
        }
        table[text] = {
            **devices,
            "flops": 2e12,
            "params": 1e8,
            "float16_memory": 300.5,
            "bfloat16_memory": 300.5,
            "perplexity": 30.5,
        }
    (folder / "gpt_s").mkdir(parents=True)
    (folder / "gpt_s" / "stats.pkl").write_bytes(pickle.dumps(table, protocol=4))
    return folder


def nasbench_asr(folder: Path, rng: Rng, share: float) -> Path:
    """8,242 cells, three seeds, 40 epochs, two devices."""
    space = get_space("nasbench-asr")
    count = max(2, round(8_242 * share))
    archs = space.sample(8 * count, rng)
    archs = archs[np.unique(space.canonical(archs), axis=0, return_index=True)[1]][:count]
    vectors = [((row[0], row[1]), tuple(row[2:5]), tuple(row[5:9])) for row in archs.tolist()]
    codes = [rng.bytes(16).hex() for _ in archs]
    head = {"search_space": {"nodes": 3}, "version": 1}
    columns = ["model_hash", "val_per", "test_per", "arch_vec"]
    files: dict[str, tuple[dict[str, Any], list[Any]]] = {}
    for seed in (1234, 1235, 1236):
        rows = [[code, rng.random(40).tolist(), rng.random(), vector] for code, vector in zip(codes, vectors)]
        files[f"e40-{seed}"] = (
            {**head, "dataset_type": "training", "columns": columns, "seed": seed, "epochs": 40},
            rows,
        )
    for device in ("gtx-1080ti-fp32", "jetson-nano-fp32"):
        about = {**head, "dataset_type": "benchmarking", "columns": ["model_hash", "latency"], "device": device}
        files[f"bench-{device}"] = (about, [[code, rng.random()] for code in codes])
    files["info"] = (
        {**head, "dataset_type": "static", "columns": ["model_hash", "params"]},
        [[c, 26_338_848] for c in codes],
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, (header, rows) in files.items():
        (folder / f"nb-asr-{name}.pickle").write_bytes(
            pickle.dumps(header, protocol=4) + pickle.dumps(rows, protocol=4)
        )
    return folder


def _unlike_cells(share: float) -> dict[str, dict[str, str]]:
    """6,466 cells of NAS-Bench-201 as the robustness data name them."""
    space = get_space("nasbench201")
    texts = space.format(space.enumerate()[: max(2, round(6_466 * share))])
    return {str(k): {"nb201-string": text, "isomorph": str(k)} for k, text in enumerate(texts)}


def nas_robbench_201(folder: Path, rng: Rng, share: float) -> Path:
    """6,466 cells under seven attacks, three data sets."""
    ids = _unlike_cells(share)
    attacks = [f"{split}_{name}_acc" for split in ("val", "test") for name in
               ("clean", "fgsm_3.0", "fgsm_8.0", "pgd_3.0", "pgd_8.0", "aa_apgd-ce_3.0", "aa_square_8.0")]  # fmt: skip
    table = {
        dataset: {k: {attack: {"1": rng.random()} for attack in attacks} for k in ids}
        for dataset in ("cifar10", "cifar100", "imagenet16-120")
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.json").write_text(json.dumps({"ids": ids}))
    (folder / "NAS-RobBench-201_all.json").write_text(json.dumps(table))
    return folder


def robustness(folder: Path, rng: Rng, share: float) -> Path:
    """6,466 cells under 5 attacks of nine strengths and 15 corruptions of five, CIFAR-10."""
    ids = _unlike_cells(share)
    strengths = [0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    attacks = {f"{name}@Linf": 9 for name in ("pgd", "fgsm", "aa_apgd-ce", "aa_square", "apgd")}
    kinds = {"clean": 0, **attacks, **{f"corruption_{k}": 5 for k in range(15)}}
    (folder / "cifar10").mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"ids": ids, "epsilons": dict.fromkeys(attacks, strengths)}))
    for name, levels in kinds.items():
        values = {k: rng.random(levels).tolist() if levels else rng.random() for k in ids}
        (folder / "cifar10" / f"{name}_accuracy.json").write_text(json.dumps({"cifar10": {name: {"accuracy": values}}}))
    return folder


WRITERS: dict[str, Callable[[Path, Rng, float], Path]] = {
    "nasbench301": nasbench301,
    "blox": blox,
    "jahs-bench-201/cifar10": jahs_bench_201,
    "nas-hpo-bench-ii": nas_hpo_bench_ii,
    "lcbench/fashion-mnist": lcbench,
    "transnasbench101-micro/class_scene": transnas,
    "hw-gpt-bench/s": hw_gpt_bench,
    "nds/darts": nds,
    "nasbench-asr": nasbench_asr,
    "nas-robbench-201/cifar10": nas_robbench_201,
    "robustness-nasbench201/cifar10": robustness,
}
"""Benchmark -> what writes its files."""

"""Small whole files of every container that archcast reads, in their official formats, and how their insides are taken out."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import pickle
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from archcast.data import Benchmark, load_benchmark, read_table, save_benchmark
from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data._tfrecord import crc32c, masked
from archcast.data._torch_archive import MAGIC, read_torch
from archcast.data._unpickle import read_pickle
from archcast.predictors import get_predictor
from archcast.predictors.persistence import read_state
from archcast.spaces import get_space


@dataclass
class Container:
    """A kind of file: its bytes, how it is read, and how its inside is taken out and put back where it is compressed."""

    name: str
    data: bytes
    read: Callable[[Path], object]
    unpack: Callable[[bytes], bytes] | None = None
    pack: Callable[[bytes], bytes] | None = None


def containers() -> Iterator[Container]:
    """A small file of every container."""
    rng = np.random.default_rng(0)
    tree = {"a": [np.float64(1.5), np.arange(6).reshape(2, 3)], "b": {"x": (1, 2.5, None, True)}, "t": "text" * 5}
    for protocol in (2, 4, 5):
        data = pickle.dumps(tree, protocol=protocol)
        yield Container(f"pickle {protocol}: t.pkl", data, lambda path: read_pickle(path, {**NUMPY, **CONTAINERS}))
    data = MAGIC + b"".join(pickle.dumps(part, 2) for part in (1001, {"little_endian": True}, tree, []))
    yield Container("torch, older: t.pth", data, read_torch)
    yield Container(
        "torch, zip: t.pth", _zip({"archive/data.pkl": pickle.dumps(tree, 2), "archive/version": b"3\n"}), read_torch
    )
    cells = list(_nasbench101(rng))
    yield Container(
        "TFRecord: nasbench_only108.tfrecord", b"".join(map(_record, cells)), lambda path: load_benchmark("nasbench101", path),
        lambda _: b"\n".join(cells), lambda lines: b"".join(map(_record, lines.split(b"\n"))),
    )  # fmt: skip
    chains = {"".join(map(str, row)): _chain(rng) for row in rng.integers(0, 3, (6, 8))}
    text = json.dumps(chains).encode()
    yield Container("JSON: nas-bench-macro_cifar10.json", text, lambda path: load_benchmark("nasbench-macro", path))
    yield Container(
        "gzip: nas-bench-macro_cifar10.json.gz", gzip.compress(text), lambda path: load_benchmark("nasbench-macro", path),
        gzip.decompress, gzip.compress,
    )  # fmt: skip
    results = {f"result_{k}.json": json.dumps(_accel(rng)).encode() for k in range(4)}
    yield Container("zip: anb.zip", _zip(results), lambda path: load_benchmark("accel-nasbench", path))
    space = get_space("nasbench201")
    lines = ["arch,score", *(f"{text},{rng.random():.3f}" for text in space.format(space.sample(20, 0)))]
    csv_text = "\n".join(lines).encode()
    yield Container("CSV: t.csv", csv_text, lambda path: read_table(path, "nasbench201"))
    archive = {"12": nats(rng)}
    packed = bz2.compress(pickle.dumps(archive, 4))
    yield Container(
        "bz2: 000000.pickle.pbz2",
        packed,
        lambda path: load_benchmark("nats-tss/cifar10", path.parent),
        bz2.decompress,
        bz2.compress,
    )
    head = b"---\ndataset_type: static\ncolumns:\n- model_hash\n- params\n- flops\n- arch_vec\nformat: custom\ncolumn_types:\n"
    head += b"  model_hash: hash\n  params: int\n  flops: int\n  arch_vec: arch\n---\n"
    body = zlib.compress(
        bytes(8) + (4).to_bytes(4, "little") + rng.bytes(4 * 27).translate(bytes(k % 64 for k in range(256)))
    )
    from archcast.data.published._blox_file import read_blox
    from archcast.data.published._files import Part

    yield Container(
        "zlib: blox-info.blox", head + body, lambda path: read_blox(Part(path)),
        lambda whole: zlib.decompress(whole[len(head) :]), lambda inner: head + zlib.compress(inner),
    )  # fmt: skip
    for name, benchmark, data in _others(rng, cells):
        yield Container(name, data, partial(load_benchmark, benchmark))
    archs = space.sample(30, 1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.npz"
        save_benchmark(
            Benchmark("t", space, archs, {"a": rng.random(30)}, "a", curves={"c": rng.random((30, 4))}), file
        )
        yield Container("npz, benchmark: t.npz", file.read_bytes(), load_benchmark, *_inside(file, "header"))
        get_predictor("gp", space).init(archs, rng.random(30)).save(file)
        yield Container(
            "npz, predictor: t.npz",
            file.read_bytes(),
            lambda path: read_state(path, "predictor"),
            *_inside(file, "archcast"),
        )
        from archcast.surrogates import make_surrogate, save_surrogate

        table = Benchmark("t", space, archs, {"a": rng.random(30)}, "a", curves={"c": rng.random((30, 4))})
        save_surrogate(make_surrogate(table, members=["bayesian-linear"]).at(archs), file)
        yield Container("npz, surrogate: t.npz", file.read_bytes(), load_benchmark, *_inside(file, "archcast"))


REAL = {
    "nats-tss/cifar10": "nats-bench/NATS-tss-v1_0-3ffb9-simple/000011.pickle.pbz2",
    "nasbench201/cifar10": "nasbench201/DERIVED_NAS-Bench-201-1arch_zip.pth",
    "nasbench101": "nasbench101/DERIVED_only108_30archs.tfrecord",
    "nasbench-mr/seg": "nas-bench-mr/seg.trainval.pkl.gz",
    "vit-bench-101/pit": "vit-bench-101/gt_pit.pth",
    "hw-nas-bench/cifar10": "hw-nas-bench/DERIVED_HW-NAS-Bench-3archs.pickle",
    "accel-nasbench": "accel-nasbench/anb_dataset_jsons_200.tar.gz",
    "nasbench-nlp": "nas-bench-nlp/logs_wikitext2_62.zip",
}
"""Benchmark -> a real fragment of its files."""


def fragments(folder: Path) -> Iterator[Container]:
    """Real fragments, where they are."""
    for name, file in REAL.items():
        path = folder / file
        if path.is_file():
            yield Container(
                f"{name}: {path.name}", path.read_bytes(), lambda path, name=name: load_benchmark(name, path)
            )  # type: ignore[misc]


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _inside(file: Path, key: str) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    """How the JSON of an ``.npz`` file is taken out and put back."""
    with np.load(file) as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    value = kept.pop(key)
    text = value.tobytes() if value.dtype == np.uint8 else str(value).encode()

    def pack(inner: bytes) -> bytes:
        buffer = io.BytesIO()
        new = np.frombuffer(inner, np.uint8) if value.dtype == np.uint8 else np.array(inner.decode("latin1"))
        np.savez(buffer, **kept, **{key: new})  # type: ignore[arg-type]
        return buffer.getvalue()

    return lambda _: text, pack


def _others(rng: np.random.Generator, cells: list[bytes]) -> Iterator[tuple[str, str, bytes]]:
    """Container, benchmark and content of files that a reader takes apart itself."""
    import pandas as pd

    yield "TFRecord, energies: energy_4V9E.tfrecord", "ec-nas", b"".join(map(_record, cells))
    log = {name: rng.random(3).tolist() for name in ("Train/loss", "Train/val_accuracy", "time")}
    rows = {str(k): {"config": {"batch_size": k, "lr": k / 7}, "log": log, "results": {}} for k in range(6)}
    yield "JSON, by pieces: data_2k_lw.json", "lcbench/adult", json.dumps({"albert": rows, "adult": rows}).encode()
    space = get_space("ofa-mobilenetv3")
    known = {
        json.dumps({**json.loads(text), "image_size": 224}): 70.0 + k
        for k, text in enumerate(space.format(space.sample(4, 0)))
    }
    yield "JSON in JSON: acc.dict", "ofa-mobilenetv3", json.dumps(known).encode()
    losses = {f"{split}_losses": rng.random(3).tolist() for split in ("train", "val", "test")} | {
        "wall_times": [1.0] * 3
    }
    edges = ((0, 4), (1, 4), (4, 5))
    cells_of = {(edges, (0, 0, 0, 0, 6, op), (5,)): losses for op in (1, 2, 3)}
    yield "pickle of tuples: nb_nlp.pickle", "nasbench-nlp", pickle.dumps(cells_of, 4)
    frame = pd.DataFrame({f"Op{k}": rng.integers(0, 5, 9) for k in range(1, 7)} | {"valid-acc": rng.random(9)})
    frame.index = pd.MultiIndex.from_tuples([(0, k // 3, k % 3) for k in range(9)], names=["taskid", "model", "Epoch"])
    yield "pickle of pandas: raw.pkl", "jahs-bench-201/cifar10", pickle.dumps(frame, 4)


def _record(data: bytes) -> bytes:
    length = len(data).to_bytes(8, "little")
    sums = [int(masked(crc32c([part]))[0]).to_bytes(4, "little") for part in (length, data)]
    return length + sums[0] + data + sums[1]


def _nasbench101(rng: np.random.Generator) -> Iterator[bytes]:
    import base64
    import struct

    space = get_space("nasbench101")
    for text in space.format(space.sample(6, 0)):
        lines, _, names = text.partition("|")
        code = rng.bytes(16).hex()
        for _ in range(3):
            body = b""
            for part in (0.0, 0.5, 1.0):
                values = [108 * part, *rng.random(4)]
                body += b"\x0a\x2d" + b"".join(bytes([8 * k + 9]) + struct.pack("<d", v) for k, v in enumerate(values))
            message = base64.encodebytes(body + b"\x10\x64\x19" + struct.pack("<d", 1.0)).decode()
            yield json.dumps([code, 108, lines.replace(";", ""), names, message]).encode()


def _chain(rng: np.random.Generator) -> dict[str, object]:
    runs = (100 * rng.random(3)).tolist()
    return {"test_acc": runs, "mean_acc": float(np.mean(runs)), "std": 0.1, "params": 890_666, "flops": 47_327_744}


def _accel(rng: np.random.Generator) -> dict[str, object]:
    arch: dict[str, object] = {}
    for block in range(7):
        arch |= {f"block{block}_e": int(rng.choice([1, 4, 6])), f"block{block}_k": int(rng.choice([3, 5]))}
        arch |= {f"block{block}_l": int(rng.integers(1, 4)), f"block{block}_se": bool(rng.integers(2))}
    return {
        "architecture": arch, "metrics": {"val_top1": 60.0, "val_top5": 80.0, "train_time": 3600.0},
        "model_info": {"macs": 300.0, "params": 5.0}, "platform_perf": {"latency_tpu": {"latency_mean": 1.0, "latency_std": 0.1}},
    }  # fmt: skip


def nats(rng: np.random.Generator) -> dict[str, object]:
    runs: dict[tuple[str, int], dict[str, object]] = {}
    for dataset, sets in {"cifar10-valid": ("x-valid", "ori-test"), "cifar10": ("ori-test",)}.items():
        names = [f"{name}@{epoch}" for name in sets for epoch in range(12)]
        curve = dict(enumerate((100 * rng.random(12)).tolist()))
        runs[dataset, 777] = {
            "name": dataset, "train_acc1es": curve, "train_acc5es": curve, "train_losses": curve, "train_times": curve,
            "arch_config": {"C": 16}, "params": np.float64(0.5), "flop": np.float64(50.5), "seed": "0777", "epochs": 12,
            "latency": [0.01], "eval_names": list(sets), "eval_acc1es": dict.fromkeys(names, 50.0),
            "eval_times": dict.fromkeys(names, 1.0), "eval_losses": dict.fromkeys(names, 1.0), "net_state_dict": None,
        }  # fmt: skip
    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|"
    seeds = {dataset: [777] for dataset, _ in runs}
    return {"arch_index": 0, "arch_str": text, "all_results": runs, "dataset_seed": seeds, "clear_net_done": True}

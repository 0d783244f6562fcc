"""HW-NAS-Bench: costs of NAS-Bench-201 by index, and FBNet's look-up table."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.data.naslib import to_ops
from archcast.data.published.hw_nas_bench import FBNET_OPERATIONS, METRICS, fbnet_cost
from archcast.errors import InvalidFileError

SPACE = archcast.get_space("nasbench201")


@pytest.fixture(params=["lists", "arrays", "by index"])
def file(tmp_path, rng, request):
    texts = SPACE.format(SPACE.sample(6, rng))
    table = {"nasbench201": {}}
    for dataset in ("cifar10", "cifar100", "ImageNet16-120"):
        costs = {name: rng.random(6) for name in METRICS}
        costs["edgetpu_latency"][[1, 4]] = -1
        config = [{"arch_str": text, "num_classes": 10} for text in texts]
        if request.param == "lists":
            costs = {name: values.tolist() for name, values in costs.items()}
        if request.param == "by index":
            order = rng.permutation(6)
            costs = {name: {int(k): float(values[k]) for k in order} for name, values in costs.items()}
            config = {int(k): config[k] for k in order}
        table["nasbench201"][dataset] = {**costs, "config": config}
    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(table, protocol=4))
    return path, table, texts


@pytest.mark.parametrize("task", ["cifar10", "imagenet16-120"])
def test_costs_are_published_and_metrics_are_higher_is_better(file, task) -> None:
    path, table, texts = file
    benchmark = archcast.load_benchmark(f"hw-nas-bench/{task}", path=path.parent)
    assert SPACE.format(benchmark.archs) == texts
    published = table["nasbench201"]["cifar10" if task == "cifar10" else "ImageNet16-120"]
    for name in METRICS:
        values = np.array([published[name][k] for k in range(6)])
        expected = np.where(values < 0, np.nan, values)
        np.testing.assert_array_equal(benchmark.costs[name], expected)
        if name == "eyeriss_arithmetic_intensity":
            np.testing.assert_array_equal(benchmark.scores(name), expected)
        else:
            np.testing.assert_array_equal(benchmark.scores(f"neg_{name}"), -expected)
    assert benchmark.left_out.startswith("2 latencies on edgetpu, where the cell did not compile, 15,619 architectures")


def test_columns_of_different_length(file) -> None:
    path, table, _ = file
    table["nasbench201"]["cifar10"]["fpga_energy"] = [1.0] * 5
    path.write_bytes(pickle.dumps(table))
    with pytest.raises(InvalidFileError, match="fpga_energy has 5 values for 6 cells"):
        archcast.load_benchmark("hw-nas-bench/cifar10", path)


def test_damaged_files(file, survives) -> None:
    path, _, _ = file
    assert survives(path, lambda: archcast.load_benchmark("hw-nas-bench/cifar10", path)) > 10


def test_real_values(shared) -> None:
    folder = shared / "formats" / "hw-nas-bench"
    printed = json.loads((folder / "printed_values.json").read_text())
    for task, key in (("cifar10", "cifar10"), ("cifar100", "cifar100"), ("imagenet16-120", "ImageNet16-120")):
        benchmark = archcast.load_benchmark(f"hw-nas-bench/{task}", folder / "DERIVED_HW-NAS-Bench-3archs.pickle")
        for index in range(3):
            for name in METRICS:
                assert benchmark.costs[name][index] == printed[key][str(index)][name]
    assert round(printed["cifar10"]["0"]["edgegpu_latency"], 4) == 5.8074


def test_fbnet_is_a_sum_of_22_layers() -> None:
    """Every key that a network needs is written out here by hand for its stages, sides and channels."""
    stages = [(1, 16, 16, 1, 224 // 2), (4, 16, 24, 2, 112), (4, 24, 32, 2, 56), (4, 32, 64, 2, 28), (4, 64, 112, 1, 14),
              (4, 112, 184, 2, 14), (1, 184, 352, 1, 7)]  # fmt: skip
    arch = [k % 9 for k in range(22)]
    lookup, keys, layer = {}, [], 0
    for layers, before, width, stride, side in stages:
        for k in range(layers):
            step, channels = (stride, before) if k == 0 else (1, width)
            here = side if k == 0 else -(-side // stride)
            key = f"H{here}_W{here}_Cin{channels}_Cout{width}"
            name = FBNET_OPERATIONS[arch[layer]]
            groups = 2 if name.endswith("g2") else 1
            block = f"ConvBlock_{key}_exp{name[4:5]}_kernel{name[1]}_stride{step}_group{groups}"
            keys.append(f"Skip_{key}_stride{step}" if name == "skip" else block)
            lookup[keys[-1]] = float(3**layer)
            layer += 1
    table = {"fbnet": {"pixel3_latency": lookup}}
    total = fbnet_cost(table, "pixel3_latency", arch, "imagenet")
    assert total == sum(lookup[key] for key in keys)
    lookup["ConvNorm_H224_W224_Cin3_Cout16_kernel3_stride2_group1"] = 0.5
    assert fbnet_cost(table, "pixel3_latency", arch, "imagenet") == pytest.approx(total + 0.5)
    with pytest.raises(KeyError):
        fbnet_cost({"fbnet": {"pixel3_latency": {}}}, "pixel3_latency", arch)


def test_costs_are_joined_on_nasbench201(file, rng) -> None:
    """The file lies among those of NAS-Bench-201: its costs are there by cell, whatever the order."""
    path, table, texts = file
    rows = np.concatenate([SPACE.parse(texts[::-1]), np.zeros((1, 6), dtype=int)])
    pd.DataFrame({"ops": to_ops(rows), "e200_cifar10_val": 50.0}).to_csv(
        path.parent / "nb201_cifar10.csv.gz", index=False
    )
    benchmark = archcast.load_benchmark("nasbench201", path.parent)
    known = [table["nasbench201"]["cifar10"]["fpga_latency"][k] for k in range(6)]
    np.testing.assert_array_equal(benchmark.costs["fpga_latency"], [*known[::-1], np.nan])

"""HW-NAS-Bench's look-up table of FBNet as a benchmark that is a function."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import archcast
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError
from archcast.search.objectives import TableObjective

SPACE = archcast.get_space("fbnet")
STAGES, WIDTHS = (1, 4, 4, 4, 4, 4, 1), (16, 24, 32, 64, 112, 184, 352)
KINDS = [(k, e, g) for k in (3, 5) for e, g in ((1, 1), (1, 2), (3, 1), (6, 1))]


def layers():
    """(side, channels in, channels out, stride) of the 22 layers on CIFAR-100."""
    side, before = 32, 16
    for count, width, stride in zip(STAGES, WIDTHS, (1, 1, 2, 2, 1, 2, 1)):
        for k in range(count):
            step = stride if k == 0 else 1
            yield side, before, width, step
            side, before = side // step, width


@pytest.fixture
def file(tmp_path, rng):
    costs = {"ConvNorm_H32_W32_Cin3_Cout16_kernel3_stride1_group1": 0.5}
    for side, before, width, step in layers():
        key = f"H{side}_W{side}_Cin{before}_Cout{width}"
        costs[f"Skip_{key}_stride{step}"] = float(rng.random())
        for k, e, g in KINDS:
            costs[f"ConvBlock_{key}_exp{e}_kernel{k}_stride{step}_group{g}"] = float(rng.random())
    costs["ConvNorm_H4_W4_Cin352_Cout1504_kernel1_stride1_group1"] = 0.25
    costs |= {"AvgP_H4_W4_Cin1504_Cout1504_kernel4_stride1": 2.0, "FC_Cin1504_Cout100": 1.0}
    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps({"fbnet": {"edgegpu_latency": costs, "eyeriss_arithmetic_intensity": costs}}))
    return path, costs


def test_any_network_is_the_sum_of_its_layers(file) -> None:
    path, costs = file
    benchmark = archcast.load_benchmark("hw-nas-bench-fbnet/cifar100", path.parent)
    assert len(benchmark) == 1000
    row = SPACE.sample(1, 77)
    expected = 3.75
    for code, (side, before, width, step) in zip(row[0], layers()):
        key = f"H{side}_W{side}_Cin{before}_Cout{width}"
        if code == 8:
            expected += costs[f"Skip_{key}_stride{step}"]
        else:
            k, e, g = KINDS[code]
            expected += costs[f"ConvBlock_{key}_exp{e}_kernel{k}_stride{step}_group{g}"]
    np.testing.assert_allclose(benchmark.scores(row), [-expected])
    np.testing.assert_allclose(benchmark.scores(row, "eyeriss_arithmetic_intensity"), [expected])
    objective = TableObjective(benchmark, costs=["edgegpu_latency"])
    assert objective.pool is None
    assert objective.evaluate(row[0]).scores == pytest.approx((-expected, -expected))


def test_refusals(file) -> None:
    path, costs = file
    benchmark = archcast.load_benchmark("hw-nas-bench-fbnet/cifar100", path.parent)
    with pytest.raises(InvalidInputError, match="measured once"):
        benchmark.scores(benchmark.archs[:1], seed=1)
    path.write_bytes(pickle.dumps({"nasbench201": {}}))
    with pytest.raises(DataNotFoundError, match="no look-up table of FBNet"):
        archcast.load_benchmark("hw-nas-bench-fbnet/cifar100", path.parent)
    for table in ({"fbnet": {}}, {"fbnet": {"fpga_energy": dict(list(costs.items())[:5])}}, {"fbnet": 3}):
        path.write_bytes(pickle.dumps(table))
        with pytest.raises(InvalidFileError, match="HW-NAS-Bench-v1_0"):
            archcast.load_benchmark("hw-nas-bench-fbnet/cifar100", path.parent)

"""NDS: lists of jobs, or a dictionary of two lists."""

from __future__ import annotations

import json

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError


def job(rng, net, **changes):
    errors = (rng.random(3) * 100).tolist()
    return {
        "net": net,
        "optim": {"base_lr": 0.1, "wd": 5e-4, "max_ep": 3},
        "rng_seed": 1,
        "params": 1e6,
        "flops": 2e8,
        "train_ep_top1": (rng.random(3) * 100).tolist(),
        "train_ep_loss": rng.random(3).tolist(),
        "test_ep_top1": errors,
        "min_test_top1": min(errors),
        "iter_time": 0.1,
        **changes,
    }


def cell_net(rng):
    ops = ["skip_connect", "sep_conv_3x3", "max_pool_3x3"]
    normal, reduce = ([[str(rng.choice(ops)), int(rng.integers(0, 2 + k // 2))] for k in range(8)] for _ in range(2))
    genotype = {"normal": normal, "normal_concat": [2, 3, 4, 5], "reduce": reduce, "reduce_concat": [2, 3, 4, 5]}
    return {
        "genotype": genotype,
        "depth": int(rng.choice([8, 16])),
        "width": int(rng.choice([16, 32])),
        "aux": False,
        "drop_prob": 0.0,
    }


def test_errors_become_accuracies(tmp_path, rng) -> None:
    jobs = [job(rng, cell_net(rng)) for _ in range(7)]
    jobs.append(job(rng, jobs[0]["net"]))
    (tmp_path / "DARTS.json").write_text(json.dumps(jobs))
    benchmark = archcast.load_benchmark("nds/darts", path=tmp_path)
    assert len(benchmark) == 7
    assert benchmark.left_out == "1 repeated networks"
    np.testing.assert_allclose(benchmark.scores(), [100 - one["test_ep_top1"][-1] for one in jobs[:7]])
    np.testing.assert_allclose(benchmark.scores("test_accuracy_best"), [100 - one["min_test_top1"] for one in jobs[:7]])
    np.testing.assert_allclose(
        benchmark.curves["train_accuracy"], [100 - np.array(one["train_ep_top1"]) for one in jobs[:7]], rtol=1e-5
    )
    assert benchmark.space.name == "nds-darts"
    row = json.loads(benchmark.space.format(benchmark.archs[:1])[0])
    assert row["genotype"] == jobs[0]["net"]["genotype"]


def test_networks_that_the_space_lacks_are_decisions(tmp_path, rng) -> None:
    """As on ImageNet, where widths and depths are others."""
    jobs = [job(rng, {**cell_net(rng), "width": 64}) for _ in range(7)]
    (tmp_path / "DARTS_in.json").write_text(json.dumps(jobs))
    benchmark = archcast.load_benchmark("nds/darts-in", path=tmp_path)
    assert {"depth", "genotype_normal3_op"} <= set(benchmark.space.columns)
    assert "drop_prob" not in benchmark.space.columns, "the same in all networks"
    row = json.loads(benchmark.space.format(benchmark.archs[:1])[0])
    assert row["genotype_normal3_op"] == jobs[0]["net"]["genotype"]["normal"][2][0]


def test_imagenet_is_a_dictionary_of_two_lists(tmp_path, rng) -> None:
    jobs = [job(rng, {"block_type": "res_basic_block", "ds": [1, int(k), 3], "ws": [16, 32, 64]}) for k in range(1, 6)]
    (tmp_path / "ResNet_in.json").write_text(json.dumps({"top": jobs[:2], "mid": jobs[2:]}))
    benchmark = archcast.load_benchmark("nds/resnet-in", tmp_path)
    np.testing.assert_allclose(benchmark.scores(), [100 - one["test_ep_top1"][-1] for one in jobs])
    assert benchmark.space.columns == ("ds2",)


def test_networks_that_differ_in_learning_rate_are_kept(tmp_path, rng) -> None:
    jobs = [
        job(rng, cell_net(np.random.default_rng(0)), optim={"base_lr": lr, "wd": 1e-4, "max_ep": 3})
        for lr in (0.1, 0.2)
    ]
    (tmp_path / "DARTS_lr-wd.json").write_text(json.dumps(jobs))
    benchmark = archcast.load_benchmark("nds/darts-lr-wd", tmp_path)
    assert benchmark.costs["base_lr"].tolist() == [0.1, 0.2]


def deep(levels: int):
    return [1] if levels == 0 else [deep(levels - 1)]


@pytest.mark.parametrize(
    "content", [{"top": []}, {"top": [], "mid": []}, [], [{"net": {}}], [1], "x", [{"net": deep(30), "optim": {}}]]
)
def test_files_of_another_shape(tmp_path, content) -> None:
    (tmp_path / "PNAS.json").write_text(json.dumps(content))
    with pytest.raises(InvalidFileError, match="is not a file of NDS"):
        archcast.load_benchmark("nds/pnas", tmp_path)


def test_damaged_files(tmp_path, rng, survives) -> None:
    (tmp_path / "ENAS.json").write_text(json.dumps([job(rng, cell_net(rng)) for _ in range(3)]))
    assert survives(tmp_path / "ENAS.json", lambda: archcast.load_benchmark("nds/enas", tmp_path)) > 15


def test_reruns_are_a_mean(tmp_path, rng) -> None:
    nets = [{"block_type": "res_bottleneck_block", "ds": [1, 2, 3, k], "ws": [16, 24, 24, 40]} for k in (1, 2)]
    jobs = [job(rng, net) for net in [*nets, *nets, nets[0]]]
    (tmp_path / "ResNet_reruns.json").write_text(json.dumps({"top": jobs[:3], "mid": jobs[3:]}))
    benchmark = archcast.load_benchmark("nds/resnet-reruns", tmp_path)
    last = [100 - one["test_ep_top1"][-1] for one in jobs]
    np.testing.assert_allclose(benchmark.scores(), [np.mean([last[0], last[2], last[4]]), np.mean([last[1], last[3]])])
    np.testing.assert_allclose(benchmark.scores("test_accuracy_run3"), [last[4], np.nan])
    (tmp_path / "ResNet-B.json").write_text(json.dumps(jobs[:2]))
    assert len(archcast.load_benchmark("nds/resnet-b", tmp_path)) == 2

"""Costs against those in the files of NATS-Bench."""

from __future__ import annotations

import pytest

from archcast.spaces import get_space

SPACE = get_space("nats-size")


@pytest.mark.parametrize(
    ("arch", "task", "params", "macs"),
    [
        ("8:8:8:8:8", "cifar10", 11_714, 4_481_114),
        ("8:8:8:8:8", "cifar100", 12_524, 4_481_924),
        ("8:8:8:8:8", "imagenet16-120", 12_704, 1_121_336),
        ("8:8:8:16:32", "cifar10", 49_202, 6_840_650),
        ("8:8:8:16:32", "cifar100", 52_172, 6_843_620),
        ("8:8:8:16:32", "imagenet16-120", 52_832, 1_714_040),
    ],
)
def test_published_networks(arch, task, params, macs):
    """Networks 0 and 11 of the benchmark; it adds the biases of the classifier to the operations."""
    found = SPACE.costs(SPACE.parse(arch), task=task)
    assert found["params"] == params
    assert found["macs"] + SPACE.tasks[task].classes == macs


@pytest.mark.parametrize(
    ("arch", "params", "macs"),
    [("64:64:64:64:64", 713_674, 274_399_872), ("8:16:24:32:64", 198_050, 20_587_136)],
)
def test_largest_and_one_that_widens(arch, params, macs):
    found = SPACE.costs(SPACE.parse(arch))
    assert (found["params"], found["macs"]) == (params, macs)

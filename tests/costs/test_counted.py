"""The layers that spaces list, against the modules of the networks that they build."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import archcast
from archcast.costs.counted import distinct, layers_each, summed, tallied
from archcast.costs.tally import Counted, Tally, listing


def test_sums_by_hand() -> None:
    layers = [
        Counted("linear", (8, np.array([4, 5, 4]), True, 1), np.array([1, 2, 0])),
        Counted("norm", (3, 9), 2),
    ]
    assert distinct(layers, 3) == [("linear", 8, 4, 1, 1), ("linear", 8, 5, 1, 1), ("norm", 3, 9)]
    found = summed(layers, 3, lambda layer: 10.0 * layer[2] if layer[0] == "linear" else 1.0)
    np.testing.assert_array_equal(found, [42, 102, 2])


def test_a_layer_that_no_network_has_is_not_listed() -> None:
    assert distinct([Counted("norm", (np.array([3, 4]), 9), np.array([0, 1]))], 2) == [("norm", 4, 9)]


def test_nothing_is_remembered_outside() -> None:
    with listing() as tallies:
        inside = Tally(1)
    assert tallies == [inside]
    assert inside.layers == []
    assert Tally(1).layers is None


def test_networks_that_are_built_or_counted_together_have_no_list() -> None:
    assert tallied(lambda rows: None, np.zeros((2, 1), dtype=np.int64)) is None
    assert tallied(lambda rows: Tally(1), np.zeros((2, 1), dtype=np.int64)) is None


@pytest.mark.parametrize(
    "name", ["nasbench201", "ofa-mobilenetv3", "nasbench-macro", "darts", "nds-nasnet", "spos-shufflenetv2", "dpc"]
)
def test_a_list_says_what_the_network_has(name) -> None:
    """The convolutions and linear layers, with the sizes of all of them, of one built network."""
    import torch

    from archcast.costs.counted_modules import layer_of
    from archcast.costs.layers import Examples, layers_of
    from archcast.testing.spaces._tasks import small_task

    space = archcast.get_space(name)
    task, row = small_task(space), space.sample(1, 3)
    listed = layers_each(tallied(lambda rows: space.costs(rows, task=task), row) or (), 1)[0]
    with torch.device("meta"):
        network = space.build(row[0], task)
        examples: Examples = {}
        built = layers_of(network, [torch.zeros((1, *shape)) for shape in task.shapes], examples)
    found: Counter[tuple] = Counter()
    for key, times in built.items():
        layer = layer_of(*examples[key])
        if layer is not None:
            found[layer] += times
    for kind in ("conv", "linear"):
        assert {k: v for k, v in listed.items() if k[0] == kind} == {k: v for k, v in found.items() if k[0] == kind}

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.encodings.base import get_encoding
from archcast.encodings.counts import counted, widths_differ
from archcast.predictors.features import suited
from archcast.spaces.base import get_space


def test_parameters_are_those_of_the_built_network():
    space = get_space("nasbench-macro")
    archs = space.sample(3, 0)
    log_params = get_encoding("counts", space).transform(archs)[:, 1]
    for row, found in zip(archs, log_params):
        with torch.device("meta"):
            network = space.build(row)
        assert found == pytest.approx(np.log(sum(p.numel() for p in network.parameters())), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("transnasbench101-macro", "nasbench-macro", "nats-size")),
        *((name, False) for name in ("nasbench201", "darts", "nasbench-graph", "transnasbench101-micro")),
    ],
)
def test_chains_with_formulas_are_counted_and_cells_are_not(name, expected):
    space = get_space(name)
    assert counted(space) is expected
    assert ("counts" in suited("auto", space)) is expected
    assert suited("adjacency", space) == ("adjacency",)


@pytest.mark.parametrize("name", ["auto-keras", "nasbot", "nas-fpn", "auto-deeplab"])
def test_graphs_whose_layers_have_channels_of_their_own_are_shown_their_costs(name):
    space = get_space(name)
    assert widths_differ(space)
    assert suited("auto", space)[-1] == "counts"


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts", "nasbench-nlp", "darts-rnn", "nasbench-graph"])
def test_copied_cells_are_not(name):
    assert not widths_differ(get_space(name))

"""Zero-cost proxies score the networks of spaces whose inputs or layers are not those of NAS-Bench-201."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.proxies.engine import score
from archcast.spaces import Task, get_space

IMAGES = Task((3, 8, 8), 3, size={"width": 6, "depth": 3})
TOKENS = Task((5,), outputs=(7, 5), dtype="int64", vocabulary=7, size={"width": 6, "embedding": 5, "depth": 2})
SMALL = {
    "nds-nasnet": IMAGES,
    "nds-amoeba": IMAGES,
    "nds-resnet": IMAGES,
    "nds-resnext-b": IMAGES,
    "nasbench-mr": Task((3, 32, 32), 3, width=8, depth=1),
    "auto-deeplab": Task((3, 16, 16), outputs=(3, 16, 16), size={"width": 2, "stem": 4, "head": 4}),
    "nas-fpn": Task((3, 32, 32), outputs=(3, 32, 32), size={"width": 4, "backbone": 16, "depth": 1}),
    "dpc": Task((3, 32, 32), outputs=(3, 32, 32), size={"width": 4, "backbone": 8}),
    "hierarchical-nasbench201-flexible": Task((3, 8, 8), 3, width=2),
    "auto-keras": Task((3, 8, 8), 3, width=32),
    "nasbot": Task((3, 8, 8), 3, width=32),
    "nasbench-nlp": TOKENS,
    "darts-rnn": Task((5,), outputs=(7, 5), dtype="int64", vocabulary=7, width=6),
    "nasbench-asr": Task((5, 8), outputs=(3, 2), size={"width": 6, "depth": 1, "hidden": 3}),
}
NAMES = ("params", "grad_norm", "snip", "synflow", "l2_norm", "jacob_cov", "nwot")


@pytest.mark.parametrize("name", SMALL)
def test_networks_are_scored(name):
    """Without failure, and with another value for another network."""
    space, task = get_space(name), SMALL[name]
    inputs, targets = task.noise(8, torch.Generator().manual_seed(0))
    found = []
    rows = space.sample(12, 1)
    if space.has_graph:
        rows = rows[space.graphs(rows).pruned().adjacency[:, :, -1].any(axis=1)]
    for row in rows[[0, 2, 3]]:  # the second recurrent cell multiplies by its state, which stays 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = space.build(row, task, pruned=True)
        names = NAMES if len(space.task_of(None).shapes[0]) == 3 else NAMES[:-1]  # without ReLU there is no nwot
        scores = score(network, inputs, targets, proxies=names)
        assert not scores.failures
        found.append([scores[proxy] for proxy in names])
    assert np.isfinite(found).all()
    differ = dict(zip(names, np.ptp(found, axis=0) > 0, strict=True))
    assert all(differ[proxy] for proxy in names if proxy not in ("params", "l2_norm")), (
        "trees have equally many weights"
    )

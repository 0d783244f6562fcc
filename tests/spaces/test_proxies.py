"""Zero-cost proxies score the networks of spaces whose inputs or layers are not those of NAS-Bench-201."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.proxies.engine import score
from archcast.spaces import Task, get_space

IMAGES = Task((3, 8, 8), 3, size={"width": 6, "depth": 3})
SMALL = {
    "nds-nasnet": IMAGES,
    "nds-amoeba": IMAGES,
    "nds-resnet": IMAGES,
    "nds-resnext-b": IMAGES,
}
NAMES = ("params", "grad_norm", "snip", "synflow", "l2_norm", "nwot", "jacob_cov")


@pytest.mark.parametrize("name", SMALL)
def test_networks_are_scored(name):
    """Without failure, and with another value for another network."""
    space, task = get_space(name), SMALL[name]
    inputs, targets = task.noise(8, torch.Generator().manual_seed(0))
    found = []
    for row in space.sample(3, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = space.build(row, task, pruned=True)
        scores = score(network, inputs, targets, proxies=NAMES)
        assert not scores.failures
        found.append([scores[proxy] for proxy in NAMES])
    assert np.isfinite(found).all()
    assert (np.ptp(found, axis=0) > 0).all()

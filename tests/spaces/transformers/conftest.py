"""Zero-cost proxies of a few small networks of a space."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import archcast

PROXIES = ["params", "grad_norm", "snip"]


@pytest.fixture
def scored():
    """A function: space, task, rows -> what proxies say of each row, after checks that hold for all spaces."""

    def score(space, task, rows):
        found = []
        for row in rows:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                network = space.build(row, task)
            inputs, targets = task.noise(4, torch.Generator().manual_seed(0))
            scores = archcast.score(network, inputs, targets, proxies=PROXIES)
            assert not scores.failures
            found.append({name: scores[name] for name in PROXIES})
        assert all(np.isfinite(list(one.values())).all() for one in found)
        assert len({one["snip"] for one in found}) == len(rows)
        assert [one["params"] for one in found] == space.costs(rows, task=task)["params"].tolist()
        return found

    return score

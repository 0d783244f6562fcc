"""Results in the layout of AutoDL-Projects, which NAS-Bench-201 and NATS-Bench share."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest


def _run(rng, dataset, seed, epochs, sets_by_epoch, last_sets):
    values = {f"{name}@{e}": float(rng.random() * 100) for name in sets_by_epoch for e in range(epochs)}
    values |= {f"{name}@{epochs - 1}": float(rng.random() * 100) for name in last_sets}
    seconds = float(rng.random())
    return {
        "name": dataset,
        "train_acc1es": {e: float(rng.random() * 100) for e in range(epochs)},
        "train_acc5es": {e: float(rng.random() * 100) for e in range(epochs)},
        "train_losses": {e: float(rng.random()) for e in range(epochs)},
        "train_times": OrderedDict((e, seconds) for e in range(epochs)),
        "arch_config": {"name": "infer.tiny", "C": 16},
        "params": np.float64(rng.random()),
        "flop": np.float64(rng.random() * 100),
        "seed": f"{seed:04d}",
        "epochs": epochs,
        "latency": [0.01, 0.03],
        "eval_names": list(dict.fromkeys([*sets_by_epoch, *last_sets])),
        "eval_acc1es": values,
        "eval_times": dict.fromkeys(values, 0.5),
        "eval_losses": {key: value / 50 for key, value in values.items()},
        "net_state_dict": None,
    }


@pytest.fixture
def nats_arch():
    """A function: results of one architecture, by training length, as the files hold them."""

    def make(rng, index, text, lengths, *, seeds=(777, 888, 999), last_only=(), datasets=None):
        out = OrderedDict()
        for name, epochs in lengths.items():
            sets = {
                "cifar10-valid": (["x-valid"], ["ori-test"]),
                "cifar10": (["ori-test"], []),
                "cifar100": (["ori-test"], ["x-valid", "x-test"]),
                "ImageNet16-120": (["ori-test"], ["x-valid", "x-test"]),
            }
            runs, by_set = OrderedDict(), {}
            for dataset, (each, last) in sets.items():
                if datasets is not None and dataset not in datasets:
                    continue
                by_epoch = each if name in last_only else [*each, *last]
                by_set[dataset] = list(seeds)
                for seed in sorted(seeds, reverse=True):  # the files are not sorted either
                    runs[dataset, seed] = _run(rng, dataset, seed, epochs, by_epoch, last if name in last_only else [])
            out[name] = {
                "arch_index": index,
                "arch_str": text,
                "all_results": runs,
                "dataset_seed": by_set,
                "clear_net_done": True,
            }
        return out

    return make

"""Cost of zero-cost proxies, alone and together, as multiples of one forward and backward pass of the same net.

    python benchmarks/proxies.py [--repeats 5] [--batch 64] [--depth 5] [--each] [--sets ...] [--layout contiguous channels_last]

A net of NAS-Bench-201 (16 channels, 32x32 inputs), one thread. The unit is torch's own forward pass, cross-entropy and
gradient of all parameters, of the same net in the same memory format, in the same process: everything is run in turn,
several times. A cost is the median over the rounds of the ratio within a round; processor time, so that other programs
disturb less.

archcast lays images and kernels out channels-last while it works, whatever the format of the net, and that is faster on
a CPU. So there are two units: a contiguous net, the default of torch, and a channels-last one, which measures what
scoring costs beside a pass of equal speed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

import archcast
from archcast.proxies import PROXIES

NET = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_3x3~0|avg_pool_3x3~1|nor_conv_3x3~2|"
EIGHT = ["grad_norm", "snip", "plain", "l2_norm", "fisher", "jacob_cov", "epe_nas", "nwot"]
SETS = {
    "8 classical proxies": EIGHT,
    "8 + synflow + grasp": [*EIGHT, "synflow", "grasp"],
    "all": ["all"],
}


def measure(jobs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Processor seconds of each job in each round; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for round_ in range(repeats + 1):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            if round_:
                seconds[name].append(time.process_time() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--depth", type=int, default=5)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--each", action="store_true", help="every proxy alone, too")
    parser.add_argument("--layout", nargs="+", default=["contiguous", "channels_last"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    space = archcast.get_space("nasbench201")
    size = arguments.size
    for layout in arguments.layout:
        memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        net = space.build(space.parse(NET)[0], archcast.Task(shape=(3, size, size), depth=arguments.depth))
        net = net.train().to(memory_format=memory_format)
        x = torch.randn(arguments.batch, 3, size, size).contiguous(memory_format=memory_format)
        y = torch.randint(0, 10, (arguments.batch,))

        def unit(net: Any = net, x: Any = x, y: Any = y) -> Any:
            return torch.autograd.grad(F.cross_entropy(net(x), y), list(net.parameters()))

        jobs: dict[str, Callable[[], Any]] = {"unit": unit}
        sets = {name: SETS[name] for name in arguments.sets}
        if arguments.each:
            sets |= {name: [name] for name in PROXIES}
        for name, proxies in sets.items():
            jobs[name] = lambda net=net, x=x, y=y, proxies=proxies: archcast.score(net, x, y, proxies=proxies)
        seconds = measure(jobs, arguments.repeats)
        print(f"{layout} net; forward and backward pass: {statistics.median(seconds['unit']):.3f} s")
        print(f"{'proxies':<24}{'multiple':>9}{'best':>9}")
        for name in sets:
            ratios = [a / b for a, b in zip(seconds[name], seconds["unit"])]
            best = min(seconds[name]) / min(seconds["unit"])
            print(f"{name:<24}{statistics.median(ratios):>9.2f}{best:>9.2f}")
        print()


if __name__ == "__main__":
    main()

"""Seconds to encode whole spaces, and how much faster that is than loops over architectures.

    python benchmarks/encodings.py [--loops 300] [--repeats 3] [--skip-nasbench101]

For every encoding: processor seconds (one thread) for all 15,625 architectures of NAS-Bench-201, the best of a few repeats, and the
same from a straightforward loop over architectures. A loop runs on a random part of the space and its time is scaled up; it starts
from rows that are already canonical, and its features must equal those of the encoder. The ratio of two times in one
process says more than either. Then the seconds for all 423,624 cells of NAS-Bench-101, which no loop is run for.

Graph features have two loops: the first lists the paths of an architecture once and looks at them for every subset of
operations, the second asks networkx for a path for each subset, as the published implementation does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch_geometric.data import Batch, Data

import archcast
from archcast.encodings import ENCODINGS, Encoder
from archcast.spaces.edge_cells import EDGES

SPACE = archcast.get_space("nasbench201")
NAMES = tuple(SPACE.operations)
INPUT, OUTPUT = 0, 7
Row = list[int]

# -- one architecture at a time ----------------------------------------------------------------------------------------


def live_graph(row: Row) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Operation of each live edge and successors of each node, once what is not between input and output is dropped."""
    successors: dict[int, list[int]] = {INPUT: [], OUTPUT: []}
    operation = {k + 1: op for k, op in enumerate(row) if op != 0}
    for k in operation:
        successors[k] = [m for m in operation if EDGES[m - 1][0] == EDGES[k - 1][1]]
        if EDGES[k - 1][1] == 3:
            successors[k].append(OUTPUT)
        if EDGES[k - 1][0] == 0:
            successors[INPUT].append(k)

    def reachable(start: int, after: dict[int, list[int]]) -> set[int]:
        seen, stack = {start}, [start]
        while stack:
            for j in after[stack.pop()]:
                if j not in seen:
                    seen.add(j)
                    stack.append(j)
        return seen

    before: dict[int, list[int]] = {i: [] for i in successors}
    for i, targets in successors.items():
        for j in targets:
            before[j].append(i)
    alive = reachable(INPUT, successors) & reachable(OUTPUT, before)
    operation = {k: op for k, op in operation.items() if k in alive}
    keep = {INPUT, OUTPUT, *operation}
    return operation, {i: [j for j in successors[i] if j in keep and i in alive] for i in sorted(keep)}


def paths_of(successors: dict[int, list[int]], node: int = INPUT) -> list[list[int]]:
    if node == OUTPUT:
        return [[]]
    rest = [tail for j in successors[node] for tail in paths_of(successors, j)]
    return rest if node == INPUT else [[node, *tail] for tail in rest]


def adjacency(row: Row) -> list[float]:
    return [float(value == op) for op in row for value in range(5)]


def adjacency_categorical(row: Row) -> list[float]:
    return [float(op) for op in row]


def adjacency_continuous(row: Row) -> list[float]:
    return [op / 4 for op in row] + [float(sum(op != 0 for op in row))]


SEQUENCES = {s: k for k, s in enumerate(s for length in (1, 2, 3) for s in product((1, 2, 3, 4), repeat=length))}


def path(row: Row) -> list[float]:
    operation, successors = live_graph(row)
    out = [0.0] * len(SEQUENCES)
    for nodes in paths_of(successors):
        out[SEQUENCES[tuple(operation[i] for i in nodes)]] = 1.0
    return out


def path_truncated(row: Row) -> list[float]:
    return path(row)[:20]  # the paths of one and two operations: with those of three there would be more than 40


def path_categorical(row: Row) -> list[float]:
    numbers = [float(k + 1) for k, value in enumerate(path(row)) if value]
    return numbers + [0.0] * (4 - len(numbers))


def path_continuous(row: Row) -> list[float]:
    one_hot = path(row)
    return [*one_hot, sum(one_hot)]


def subset_features(codes: tuple[int, ...], graph: Any, paths: Callable[[tuple[int, ...]], list[int]]) -> list[float]:
    operation, successors = graph
    counts = [sum(op == code for op in operation.values()) for code in codes]
    out = [float(count) for count in counts]
    for size in range(1, len(codes) + 1):
        for subset in combinations(codes, size):
            out += paths(subset)
            out.append(sum(operation[j] in subset for j in successors[INPUT] if j in operation))
            out.append(sum(operation[i] in subset for i in operation if OUTPUT in successors[i]))
    return out


def graph_features(row: Row) -> list[float]:
    operation, successors = live_graph(row)
    listed = [[operation[i] for i in nodes] for nodes in paths_of(successors)]

    def paths(subset: tuple[int, ...]) -> list[int]:
        own = [len(ops) for ops in listed if all(op in subset for op in ops)]
        most = max((sum(op in subset for op in ops) for ops in listed), default=0)
        return [min(own, default=4), max(own, default=0), most]

    return subset_features((1, 2, 3, 4), (operation, successors), paths)


def graph_features_networkx(row: Row) -> list[float]:
    operation, successors = live_graph(row)
    graph = nx.DiGraph([(i, j) for i, targets in successors.items() for j in targets])
    graph.add_nodes_from([INPUT, OUTPUT])

    def most(part: nx.DiGraph, subset: tuple[int, ...]) -> int:
        try:
            return -int(
                nx.bellman_ford_path_length(
                    part, INPUT, OUTPUT, weight=lambda _, j, __: -float(operation.get(j) in subset)
                )
            )
        except nx.NetworkXNoPath:
            return 0

    def paths(subset: tuple[int, ...]) -> list[int]:
        part = graph.subgraph([INPUT, OUTPUT, *(i for i, op in operation.items() if op in subset)])
        try:
            shortest = nx.shortest_path_length(part, INPUT, OUTPUT) - 1
        except nx.NetworkXNoPath:
            shortest = 4
        return [shortest, most(part, subset), most(graph, subset)]

    return subset_features((1, 2, 3, 4), (operation, successors), paths)


def graph_features_raw(row: Row) -> list[float]:
    operation = {k + 1: op for k, op in enumerate(row)}
    successors: dict[int, list[int]] = {INPUT: [k for k in operation if EDGES[k - 1][0] == 0], OUTPUT: []}
    for k in operation:
        successors[k] = [m for m in operation if EDGES[m - 1][0] == EDGES[k - 1][1]]
        if EDGES[k - 1][1] == 3:
            successors[k].append(OUTPUT)
    listed = [[operation[i] for i in nodes] for nodes in paths_of(successors)]

    def paths(subset: tuple[int, ...]) -> list[int]:
        own = [len(ops) for ops in listed if all(op in subset for op in ops)]
        most = max((sum(op in subset for op in ops) for ops in listed), default=0)
        return [min(own, default=4), max(own, default=0), most]

    return subset_features((0, 1, 2, 3, 4), (operation, successors), paths)


def wl_labels(row: Row) -> list[list[Any]]:
    operation, successors = live_graph(row)
    before = {j: [i for i in successors if j in successors[i]] for j in successors}
    label: dict[int, Any] = {i: (NAMES[operation[i]] if i in operation else str(i),) for i in successors}
    steps = [list(label.values())]
    for _ in range(2):
        label = {
            i: (label[i], tuple(sorted(label[j] for j in before[i])), tuple(sorted(label[j] for j in successors[i])))
            for i in successors
        }
        steps.append(list(label.values()))
    return steps


def gnn(row: Row) -> list[float]:
    operation, successors = live_graph(row)
    nodes = [float(operation.get(k) == op) for k in range(1, 7) for op in (1, 2, 3, 4)]
    return nodes + [float(j in successors.get(i, [])) for i in range(8) for j in range(i + 1, 8)]


def gnn_data(row: Row) -> Data:
    operation, successors = live_graph(row)
    number = {i: k for k, i in enumerate(sorted(successors))}
    x = torch.zeros(len(number), 6)
    for i, k in number.items():
        x[k, {INPUT: 0, OUTPUT: 1}.get(i, operation.get(i, 0) + 1)] = 1
    edges = sorted((number[i], number[j]) for i in successors for j in successors[i])
    return Data(x=x, edge_index=torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T)


LOOPS: dict[str, list[Callable[[Row], list[float]]]] = {
    "adjacency": [adjacency],
    "adjacency-categorical": [adjacency_categorical],
    "adjacency-continuous": [adjacency_continuous],
    "gnn": [gnn],
    "graph-features": [graph_features, graph_features_networkx],
    "graph-features-raw": [graph_features_raw],
    "path": [path],
    "path-categorical": [path_categorical],
    "path-continuous": [path_continuous],
    "path-truncated": [path_truncated],
}

# -- measuring ---------------------------------------------------------------------------------------------------------


def seconds(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least processor time of a call, and what it returned."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = call()
        times.append(time.process_time() - start)
    return min(times), result


def loop_seconds(name: str, encoder: Encoder, archs: NDArray[np.int64]) -> list[float]:
    """Seconds of each loop over these architectures; their features are compared with the encoder's."""
    rows = SPACE.canonical(archs).tolist() if encoder.pruned else archs.tolist()
    if name == "wl":
        return [wl_seconds(archs, rows)]
    out = []
    for loop in LOOPS.get(name, []):
        taken, found = seconds(lambda loop=loop: np.array([loop(row) for row in rows], dtype=np.float32), 1)
        np.testing.assert_array_equal(found, encoder.transform(archs), err_msg=name)
        out.append(taken)
    return out


def wl_seconds(archs: NDArray[np.int64], rows: list[Row]) -> float:
    """The same for Weisfeiler-Lehman counts, whose columns are compared by their dot products."""
    words: list[dict[Any, int]] = [{}, {}, {}]
    for row in rows:
        for vocabulary, step in zip(words, wl_labels(row), strict=True):
            for label in step:
                vocabulary.setdefault(label, len(vocabulary))

    def count() -> list[NDArray[np.float32]]:
        blocks = [np.zeros((len(rows), len(vocabulary)), dtype=np.float32) for vocabulary in words]
        for k, row in enumerate(rows):
            for block, vocabulary, step in zip(blocks, words, wl_labels(row), strict=True):
                for label in step:
                    block[k, vocabulary[label]] += 1
        return blocks

    taken, blocks = seconds(count, 1)
    features = archcast.get_encoding("wl", SPACE).fit(archs).transform(archs)
    np.testing.assert_array_equal(sum(block @ block.T for block in blocks), features @ features.T)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=300, help="architectures that the loops run on")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of the encoders on NAS-Bench-201")
    parser.add_argument("--skip-nasbench101", action="store_true")
    options = parser.parse_args()
    archs = SPACE.enumerate()
    part = archs[np.random.default_rng(0).choice(len(archs), options.loops, replace=False)]
    scale = len(archs) / len(part)

    print(f"NAS-Bench-201, {len(archs):,} architectures, one thread; loops over {len(part)}, scaled")
    print(f"{'encoding':27} {'features':>8} {'seconds':>8} {'loop s':>8} {'ratio':>7}")
    for name in ENCODINGS:
        encoder = archcast.get_encoding(name, SPACE).fit(archs[:1000])
        encoder.transform(archs[:10])
        taken, features = seconds(lambda encoder=encoder: encoder.transform(archs), options.repeats)
        for loop in loop_seconds(name, encoder, part) or [None]:  # no loop is written for it
            ratio = f"{loop * scale:8.2f} {loop * scale / taken:6.0f}x" if loop else f"{'-':>8} {'-':>7}"
            print(f"{name:27} {features.shape[1]:8} {taken:8.3f} {ratio}", flush=True)
    graphs = archcast.get_encoding("gnn", SPACE)
    graphs.batch(archs[:10])
    taken, _ = seconds(lambda: graphs.batch(archs), options.repeats)
    rows = SPACE.canonical(part).tolist()
    loop, made = seconds(lambda: Batch.from_data_list([gnn_data(row) for row in rows]), 1)
    found = graphs.batch(part)
    np.testing.assert_array_equal(found.x, made.x)
    np.testing.assert_array_equal(found.edge_index, made.edge_index)
    print(f"{'gnn, torch_geometric batch':27} {'':8} {taken:8.3f} {loop * scale:8.2f} {loop * scale / taken:6.0f}x")

    if options.skip_nasbench101:
        return
    space = archcast.get_space("nasbench101")
    archs = space.enumerate()
    print(f"\nNAS-Bench-101, {len(archs):,} cells, one thread")
    print(f"{'encoding':27} {'features':>8} {'seconds':>8}")
    for name in ENCODINGS:
        params = {"min_count": 20} if name == "wl" else {}  # all labels would take 11 GB
        encoder = archcast.get_encoding(name, space, **params).fit(archs[:: len(archs) // 1000])
        taken, features = seconds(lambda encoder=encoder: encoder.transform(archs), 1)
        print(f"{name:27} {features.shape[1]:8} {taken:8.2f}", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()

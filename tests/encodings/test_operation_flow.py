"""Operation-flow features against their definition, one architecture and one path at a time."""

from __future__ import annotations

import numpy as np

from archcast.encodings.base import get_encoding
from archcast.spaces.base import get_space


def by_definition(cell, walks, declared):
    n = max(len(walks), 1)
    ops = [cell.op(i) for i in cell.graph if i not in cell.inputs and i != cell.output]
    out = {}
    for name in cell.operations:
        on_path = [path.count(name) for _, path in walks]
        out[f"signal({name})"] = sum(share * path.count(name) for share, path in walks)
        out[f"count({name})"] = ops.count(name)
        out[f"path_min({name})"], out[f"path_max({name})"] = min(on_path, default=-1), max(on_path, default=-1)
        out[f"path_mean({name})"] = sum(on_path) / n
        out[f"paths_with({name})"] = sum(count > 0 for count in on_path) / n
    convolutions = [sum(declared[op].learned for op in path) for _, path in walks]
    shares = [share for share, _ in walks]
    for c in range(5):
        out[f"signal_convolutions={c}"] = sum(s for s, k in zip(shares, convolutions, strict=True) if min(k, 4) == c)
    capped = np.minimum(convolutions, 4)
    mean = np.dot(shares, capped)
    out["signal_convolutions_sd"] = np.sqrt(max(np.dot(shares, capped**2.0) - mean**2, 0)) if walks else 0
    pooled = [any(declared[op].kind == "pooling" for op in path) for _, path in walks]
    out["paths_without_pooling"] = pooled.count(False) / n
    weights = [sum(declared[op].weight for op in path) for _, path in walks]
    out["weight_min"], out["weight_max"] = min(weights, default=-1), max(weights, default=-1)
    out["weight_mean"] = sum(weights) / n
    out["input_degree"] = sum(cell.graph.out_degree(i) for i in cell.inputs)
    out["output_degree"] = cell.graph.in_degree(cell.output)
    return out


def test_equals_the_definition(space, cells_of, flow_of):
    encoder = get_encoding("operation-flow", space)
    rows = space.sample(15, 5)
    names = encoder.get_feature_names_out().tolist()
    for row, features in zip(rows, encoder.transform(rows), strict=True):
        expected = {}
        cells = cells_of(space, row, pruned=True)
        for number, cell in enumerate(cells):
            prefix = f"cell{number}:" if len(cells) > 1 else ""
            expected |= {
                prefix + key: value for key, value in by_definition(cell, flow_of(cell)[0], space.operations).items()
            }
        assert set(names) == set(expected)
        np.testing.assert_allclose(features, [expected[key] for key in names], rtol=1e-5, atol=2e-4, err_msg=str(row))


def test_shares_of_the_signal_sum_to_one():
    encoder = get_encoding("operation-flow", "darts")
    names = encoder.get_feature_names_out()
    features = encoder.transform(get_space("darts").sample(20, 0))
    for cell in ("cell0", "cell1"):
        columns = [i for i, name in enumerate(names) if name.startswith(f"{cell}:signal_convolutions=")]
        np.testing.assert_allclose(features[:, columns].sum(axis=1), 1.0, rtol=1e-5)

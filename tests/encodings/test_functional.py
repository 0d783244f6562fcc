"""Functional features against their definition, one architecture and one path at a time."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from archcast.encodings.base import get_encoding
from archcast.spaces.chains import ChainSpace


def by_definition(cell, walks, variance, declared):
    paths = [[declared[op] for op in ops] for _, ops in walks]
    table = [declared[cell.op(i)] for i in cell.graph if i not in cell.inputs and i != cell.output]

    def along(paths, what):
        return [sum(what(op) for op in path) for path in paths]

    def kind(name):
        return lambda op: op.kind == name

    def learned(op):
        return op.learned

    def window(op):
        return op.reach - 1

    def expected(what):
        return sum(share * value for (share, _), value in zip(walks, along(paths, what), strict=True))

    out = {"connected": bool(paths), "log_paths": np.log1p(len(paths)), "operations": len(table)}
    for name, what in (
        ("convolutions", learned),
        ("poolings", kind("pooling")),
        ("receptive_field", window),
    ):
        sums = along(paths, what)
        out[f"{name}_min"], out[f"{name}_max"] = min(sums, default=-1), max(sums, default=-1)
        out[f"{name}_mean"] = np.mean(sums) if sums else 0
    out["convolutions_sd"] = np.std(along(paths, learned)) if paths else 0
    out["length_max"] = max(map(len, paths), default=-1)
    out["length_mean"] = np.mean([len(path) for path in paths]) if paths else 0
    wires = sum(all(op.kind == "identity" for op in path) for path in paths)
    unlearned = sum(not any(op.learned for op in path) for path in paths)
    out["identity_path"], out["identity_paths"] = wires > 0, wires / max(len(paths), 1)
    out["unlearned_paths"], out["unlearned_paths_count"] = unlearned / max(len(paths), 1), unlearned
    out["weight"] = sum(op.weight for op in table)
    out["log_weight"] = np.log1p(out["weight"])
    out["convolutions"] = sum(op.learned for op in table)
    out["poolings"] = sum(op.kind == "pooling" for op in table)
    out["signal_convolutions"] = expected(learned)
    out["signal_receptive_field"] = expected(window)
    out["signal_poolings"], out["signal_identities"] = expected(kind("pooling")), expected(kind("identity"))
    out["log_variance"] = np.log(variance + 0.05)
    depth = {
        i: max(nx.dag_longest_path_length(cell.graph.subgraph({i} | nx.ancestors(cell.graph, i))), 0)
        for i in cell.graph
    }
    levels = [depth[i] for i in cell.graph if i not in cell.inputs and i != cell.output]
    out["width"] = max((levels.count(level) for level in levels), default=0)
    out["depth"] = depth[cell.output]
    return out


def test_equals_the_definition(space, cells_of, flow_of):
    encoder = get_encoding("functional", space)
    rows = space.sample(15, 3)
    names = encoder.get_feature_names_out().tolist()
    for row, features in zip(rows, encoder.transform(rows), strict=True):
        expected = {}
        cells = cells_of(space, row, pruned=True)
        for number, cell in enumerate(cells):
            prefix = f"cell{number}:" if len(cells) > 1 else ""
            expected |= {
                prefix + key: value for key, value in by_definition(cell, *flow_of(cell), space.operations).items()
            }
        assert set(names) == set(expected)
        np.testing.assert_allclose(features, [expected[key] for key in names], rtol=1e-5, atol=1e-5, err_msg=str(row))


def test_an_unconnected_cell():
    encoder = get_encoding("functional", "nasbench201")
    features = dict(zip(encoder.get_feature_names_out(), encoder.transform([[3, 3, 3, 0, 0, 0]])[0], strict=True))
    assert features.pop("log_variance") == pytest.approx(np.log(0.05))
    assert {value for key, value in features.items() if key.endswith(("_min", "_max"))} == {-1.0}
    assert not any(value for key, value in features.items() if not key.endswith(("_min", "_max")))


def test_by_hand():
    """A convolution and then a pooling, beside a skip: the output receives variance 0.4 and 1."""
    encoder = get_encoding("functional", "nasbench201")
    found = dict(zip(encoder.get_feature_names_out(), encoder.transform([[3, 0, 0, 1, 4, 0]])[0], strict=True))
    assert found["convolutions_min"] == 0
    assert found["convolutions_mean"] == 0.5
    assert found["receptive_field_max"] == 4
    assert found["identity_paths"] == 0.5
    assert found["signal_convolutions"] == pytest.approx(0.4 / 1.4)
    assert found["log_variance"] == pytest.approx(np.log(1.45))


def test_an_operation_that_is_not_declared_counts_as_nothing_but_an_operation():
    class Unknown(ChainSpace):
        """Two layers of a kind that nothing is known of."""

        name, cardinalities, columns = "unknown", (2, 2), ("a", "b")
        operations = ("self_attention", "conv")

        def _parse(self, text):
            return [int(digit) for digit in text]

        def format(self, archs):
            return ["".join(map(str, row)) for row in self.validate(archs).tolist()]

    encoder = get_encoding("functional", Unknown())
    found = dict(zip(encoder.get_feature_names_out(), encoder.transform([[0, 1]])[0], strict=True))
    assert found["operations"] == found["length_max"] == 2
    kinds = ("convolutions", "poolings", "weight", "identity_paths", "unlearned_paths", "receptive_field_max")
    assert not any(found[name] for name in kinds)

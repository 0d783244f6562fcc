"""Fitted parts of other libraries as bytes and back, for files that may come from anywhere.

A reader that trusts a file is a way to run someone else's code, or to make a compiled library read memory that is not its
own: a tree is an array of node numbers, and its library follows them without looking. So scikit-learn and NGBoost parts go
through ``skops.io`` with a fixed list of types, boosted trees through their library's own text, and every tree is checked
before it is used: children lie further down the array than their parent, features exist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["LIBRARIES", "check_tree", "dumps", "loads"]

TRUSTED = frozenset(
    {
        "ngboost.api.NGBRegressor",
        "ngboost.distns.normal.Normal",
        "ngboost.scores.LogScore",
        "sklearn.tree._tree.Tree",
    }
)
"""Types that skops leaves to us to trust; read from their source: making one runs nothing but its own constructor."""

ESTIMATORS = frozenset({"DecisionTreeRegressor", "ExtraTreeRegressor"})
FORESTS = frozenset({"ExtraTreesRegressor", "RandomForestRegressor"})
LEAF = -1


def check_tree(left: ArrayLike, right: ArrayLike, feature: ArrayLike, features: int) -> None:
    """Raise ``ValueError`` unless the arrays are a tree.

    Args:
        left, right: ``(nodes,)`` numbers of the children, -1 for leaves.
        feature: ``(nodes,)`` feature that a node splits, whatever for leaves.
        features: number of features.
    """
    left, right, feature = (np.asarray(values, dtype=np.int64) for values in (left, right, feature))
    nodes = np.arange(len(left))
    if not len(left) == len(right) == len(feature) > 0:
        raise ValueError("a tree's arrays differ in length")
    leaf = (left == LEAF) & (right == LEAF)
    inner = (left > nodes) & (left < len(nodes)) & (right > nodes) & (right < len(nodes))
    if not (leaf | (inner & (feature >= 0) & (feature < features))).all():
        raise ValueError("a tree refers to nodes or features that it does not have")


# -- scikit-learn and NGBoost ------------------------------------------------------------------------------------------


def _skops_dumps(value: Any) -> bytes:
    import skops.io

    _check_estimator(value)
    return bytes(skops.io.dumps(value))


def _skops_loads(data: bytes) -> Any:
    import skops.io

    unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - TRUSTED)
    if unknown:
        raise ValueError(f"it holds types that are not trusted: {', '.join(unknown)}")
    value = skops.io.loads(data, trusted=sorted(TRUSTED))
    _check_estimator(value)
    return value


def _check_estimator(value: Any) -> None:
    """Accept a forest, an NGBoost regressor or a tree whose nodes are sound."""
    kind = type(value).__name__ if type(value).__module__.startswith(("sklearn.", "ngboost.")) else ""
    if kind in ESTIMATORS:
        tree = value.tree_
        if not 0 < tree.node_count <= tree.capacity or (tree.n_outputs, tree.max_n_classes) != (1, 1):
            raise ValueError("a tree's size is wrong")
        if tree.n_features != value.n_features_in_:
            raise ValueError("a tree has another number of features than its estimator")
        check_tree(tree.children_left, tree.children_right, tree.feature, tree.n_features)
    elif kind in FORESTS:
        if any(type(tree).__name__ not in ESTIMATORS for tree in value.estimators_):
            raise ValueError("a forest holds something that is not a tree")
        for tree in value.estimators_:
            _check_estimator(tree)
            if tree.n_features_in_ != value.n_features_in_:
                raise ValueError("a tree has another number of features than its forest")
    elif kind == "NGBRegressor":
        for tree in (tree for step in value.base_models for tree in step):
            if type(tree).__name__ not in ESTIMATORS:
                raise ValueError("an NGBoost step holds something that is not a tree")
            _check_estimator(tree)
    else:
        raise ValueError(f"a {type(value).__qualname__} has no reviewed form")


# -- XGBoost -----------------------------------------------------------------------------------------------------------


def _xgboost_dumps(value: Any) -> bytes:
    return bytes(value.save_raw("json"))


def _xgboost_loads(data: bytes) -> Any:
    learner = json.loads(data)["learner"]
    features = int(learner["learner_model_param"]["num_feature"])
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise ValueError(f"a booster of kind {booster['name']!r} has no reviewed form")
    model = booster["model"]
    trees = model["trees"]
    for tree in trees:
        if any(tree["categories_nodes"]) or any(tree["split_type"]):
            raise ValueError("a tree splits categories")
        left, right, parents = tree["left_children"], tree["right_children"], tree["parents"]
        check_tree(left, right, tree["split_indices"], features)
        size = len(left)
        if int(tree["tree_param"]["num_nodes"]) != size or int(tree["tree_param"]["size_leaf_vector"]) > 1:
            raise ValueError("a tree's size is wrong")
        if any(len(tree[name]) != size for name in ("split_conditions", "default_left", "base_weights")):
            raise ValueError("a tree's arrays differ in length")
        if len(parents) != size or any(not 0 <= p < size for p in parents[1:]):
            raise ValueError("a tree refers to nodes that it does not have")
    if model["iteration_indptr"] != list(range(len(trees) + 1)) or model["tree_info"] != [0] * len(trees):
        raise ValueError("a booster refers to trees that it does not have")

    import xgboost

    return xgboost.Booster(model_file=bytearray(data))


# -- LightGBM ----------------------------------------------------------------------------------------------------------


def _lightgbm_dumps(value: Any) -> bytes:
    return str(value.model_to_string()).encode()


def _lightgbm_loads(data: bytes) -> Any:
    text = data.decode()
    head, *trees = re.split(r"^(?=Tree=\d+$)", text.split("\nend of trees", 1)[0] + "\n", flags=re.MULTILINE)
    values = _lines(head)
    sizes = [int(size) for size in values.get("tree_sizes", "").split()]
    if [len(tree.encode()) for tree in trees] != sizes:
        raise ValueError("a booster's trees have other sizes than it says")
    if (values["num_class"], values["num_tree_per_iteration"]) != ("1", "1"):
        raise ValueError("a booster has more than one output")
    for number, tree in enumerate(trees):
        part = _lines(tree)
        if (part["Tree"], part["num_cat"], part.get("is_linear", "0")) != (str(number), "0", "0"):
            raise ValueError("a tree has no reviewed form")
        leaves = int(part["num_leaves"])
        lengths = {name: len(part.get(name, "").split()) for name in ("threshold", "decision_type", "leaf_value")}
        if lengths != {"threshold": leaves - 1, "decision_type": leaves - 1, "leaf_value": leaves}:
            raise ValueError("a tree's arrays differ in length")
        if leaves > 1:
            left, right, feature = (_integers(part[name]) for name in ("left_child", "right_child", "split_feature"))
            if len(left) != leaves - 1:
                raise ValueError("a tree's size is wrong")
            # a leaf is -1 - its number; as a node it comes after the inner ones
            left, right = ([c if c >= 0 else leaves - 2 - c for c in children] for children in (left, right))
            tail = [LEAF] * leaves
            check_tree(left + tail, right + tail, feature + tail, int(values["max_feature_idx"]) + 1)

    from archcast.errors import require

    lightgbm = require("lightgbm", extra="lightgbm", feature="A saved LightGBM model")
    return lightgbm.Booster(model_str=text)


def _lines(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _integers(text: str) -> list[int]:
    return [int(value) for value in text.split()]


# -- all ---------------------------------------------------------------------------------------------------------------

LIBRARIES: dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "sklearn": (_skops_dumps, _skops_loads),
    "ngboost": (_skops_dumps, _skops_loads),
    "xgboost": (_xgboost_dumps, _xgboost_loads),
    "lightgbm": (_lightgbm_dumps, _lightgbm_loads),
}
"""Library -> (object to bytes, bytes to object). For xgboost and lightgbm the object is a ``Booster``."""


def dumps(library: str, value: Any) -> bytes:
    """Bytes of a fitted part; ``ValueError`` if it has no reviewed form."""
    return LIBRARIES[library][0](value)


def loads(library: str, data: bytes) -> Any:
    """The fitted part back; ``ValueError`` (or another error of its library) if the bytes are not sound."""
    return LIBRARIES[library][1](data)

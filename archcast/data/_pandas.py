"""Read the columns of a pickled pandas DataFrame without pandas and without executing anything.

A frame is a manager of blocks: arrays of one type, each for some of the columns, of shape (columns, rows).
Pickles of old and new versions of pandas, to 3, differ in how they say so; all are read, with pandas' own texts and categories.
Other kinds of columns (dates, arrays of pyarrow) are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import NUMPY, Record, Replaced

__all__ = ["PANDAS", "frame_columns", "frame_index"]


class _Frame(Record):
    """Stands for ``DataFrame``."""


class _Manager:
    """Stands for ``BlockManager``: blocks (values, place) and axes."""

    def __init__(self, blocks: Sequence[Any] = (), axes: Sequence[Any] = (), *_: Any) -> None:
        self.blocks, self.axes = list(blocks), list(axes)

    def build(self, state: Any) -> _Manager:
        if isinstance(state, tuple) and len(state) == 4:  # before pandas 1.3
            inner = state[3]["0.14.1"]
            self.axes = list(inner["axes"])
            self.blocks = [(block["values"], block["mgr_locs"]) for block in inner["blocks"]]
        return self


class _Dtype(Record):
    """Stands for ``CategoricalDtype``, which holds the categories, and ``StringDtype``, which holds nothing that matters."""

    categories: list[Any]

    def __init__(self, *_: Any) -> None: ...


class _Backed(Replaced):
    """Stands for an array that is a plain one underneath: texts, or the numbers of categories."""

    def __init__(self, kind: Any, *_: Any) -> None:
        self.kind = kind

    def build(self, state: Any) -> Any:
        if self.kind not in ("texts", "categories") or not isinstance(state, tuple):
            raise ValueError("a column is not of numbers, texts or categories")
        values = next(part for part in state if isinstance(part, np.ndarray))
        if self.kind == "texts":
            return values
        labels = next(part for part in state if isinstance(part, _Dtype)).categories
        chosen = np.empty(len(labels) + 1, dtype=object)
        chosen[:-1] = list(labels)
        return chosen[values]  # -1 is the last place: no category


def _block(values: Any, place: Any, *_: Any) -> tuple[Any, Any]:
    """Stands for ``_unpickle_block``."""
    return values, place


class _Tuples:
    """Labels of several levels, which are not written out before they are asked for."""

    def __init__(self, levels: Sequence[Any], codes: Sequence[Any], names: Sequence[Any]) -> None:
        self.levels, self.codes, self.names = list(levels), list(codes), list(names)

    def columns(self) -> list[NDArray[Any]]:
        """``(n,)`` labels of each level."""
        out = []
        for level, code in zip(self.levels, self.codes, strict=True):
            labels = np.empty(len(level), dtype=object)
            labels[:] = list(level)
            out.append(labels[np.asarray(code, dtype=np.int64)])
        return out

    def labels(self) -> list[Any]:
        return list(zip(*(column.tolist() for column in self.columns())))


def _index(kind: str, state: Mapping[str, Any]) -> list[Any] | _Tuples:
    """Stands for ``_new_Index``: the labels. A range is not written out if it is long."""
    if kind == "range":
        labels = range(int(state["start"]), int(state["stop"]), int(state["step"]))
        return list(labels[:10_000])
    if kind == "multi":
        return _Tuples(state["levels"], state.get("codes", state.get("labels")), state.get("names") or ())
    data = state["data"]
    return data.tolist() if isinstance(data, np.ndarray) else list(data)


def _slice(*bounds: Any) -> slice:
    return slice(*(None if bound is None else int(bound) for bound in bounds))


def _frozen_list(items: Any = ()) -> list[Any]:
    return list(items)


PANDAS: Mapping[tuple[str, str], Any] = {
    **NUMPY,
    **dict.fromkeys((("pandas.core.frame", "DataFrame"), ("pandas", "DataFrame")), _Frame),
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
    ("pandas.core.internals", "BlockManager"): _Manager,
    ("pandas._libs.internals", "_unpickle_block"): _block,
    ("pandas.core.indexes.base", "_new_Index"): _index,
    ("pandas.core.indexes.base", "Index"): "plain",
    ("pandas.core.indexes.numeric", "Int64Index"): "plain",
    ("pandas.core.indexes.numeric", "UInt64Index"): "plain",
    ("pandas.core.indexes.numeric", "Float64Index"): "plain",
    ("pandas.core.indexes.category", "CategoricalIndex"): "plain",
    ("pandas.core.indexes.range", "RangeIndex"): "range",
    ("pandas.core.indexes.multi", "MultiIndex"): "multi",
    ("pandas", "Index"): "plain",
    ("pandas", "CategoricalIndex"): "plain",
    ("pandas", "RangeIndex"): "range",
    ("pandas", "MultiIndex"): "multi",
    ("pandas._libs.missing", "NA"): None,
    ("pandas", "NA"): None,
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): _Backed,
    ("pandas.arrays", "StringArray"): "texts",
    ("pandas.core.arrays.string_", "StringArray"): "texts",
    ("pandas.core.arrays.string_", "StringArrayNumpySemantics"): "texts",
    ("pandas", "Categorical"): "categories",
    ("pandas.core.arrays.categorical", "Categorical"): "categories",
    ("pandas", "StringDtype"): _Dtype,
    ("pandas.core.arrays.string_", "StringDtype"): _Dtype,
    ("pandas", "CategoricalDtype"): _Dtype,
    ("pandas.core.dtypes.dtypes", "CategoricalDtype"): _Dtype,
    ("pandas.core.indexes.frozen", "FrozenList"): _frozen_list,
    ("builtins", "slice"): _slice,
    ("__builtin__", "slice"): _slice,
}
"""Stand-ins for what a frame of plain columns needs, by the names that pandas 1, 2 and 3 give them."""


def frame_columns(value: Any) -> dict[Any, NDArray[Any]]:
    """Label -> values of the columns of an unpickled frame.

    Raises:
        ValueError: not a frame, or its blocks do not fit its columns.
    """
    manager = getattr(value, "_mgr", getattr(value, "_data", None))
    if not isinstance(value, _Frame) or not isinstance(manager, _Manager) or len(manager.axes) != 2:
        raise ValueError("it is not a frame of pandas")
    labels = manager.axes[0].labels() if isinstance(manager.axes[0], _Tuples) else manager.axes[0]
    out: dict[int, NDArray[Any]] = {}
    for values, place in manager.blocks:
        if not isinstance(values, np.ndarray) or values.ndim not in (1, 2):
            raise ValueError("a block is not a plain array")
        values = np.atleast_2d(values)  # texts and categories are blocks of one column
        places = list(range(len(labels)))[place] if isinstance(place, slice) else np.asarray(place).tolist()
        if len(places) != len(values):
            raise ValueError("a block has more or fewer columns than its place")
        out |= dict(zip(places, values))
    if sorted(out) != list(range(len(labels))) or len({len(column) for column in out.values()}) > 1:
        raise ValueError("its blocks do not make up its columns")
    return {label: out[k] for k, label in enumerate(labels)}


def frame_index(value: Any) -> dict[str, NDArray[Any]]:
    """Name -> ``(n,)`` labels of the levels of an unpickled frame's rows; none where its rows have labels of one level."""
    manager = getattr(value, "_mgr", getattr(value, "_data", None))
    rows = manager.axes[1] if isinstance(manager, _Manager) else None
    if not isinstance(rows, _Tuples) or len(rows.names) != len(rows.levels):
        return {}
    return {str(name): column for name, column in zip(rows.names, rows.columns())}

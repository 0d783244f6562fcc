"""Pickled frames: as the installed pandas writes them, and as old versions did."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from archcast.data._pandas import PANDAS, frame_columns
from archcast.data._unpickle import unpickle
from archcast.errors import InvalidFileError

FRAME = pd.DataFrame(
    {"a": [1, 2, 3], "b": [1.5, 2.5, np.nan], "s": ["x", "y", None], "t": [True, False, True], "c": [4, 5, 6]}
)


def columns(data: bytes):
    return frame_columns(unpickle(data, PANDAS, label="x")[0])


def known(values) -> list:
    return [None if pd.isna(value) else value for value in values]


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("frame", [FRAME, FRAME[["c", "a", "t"]], FRAME.set_index("a"), FRAME.iloc[::2]])
def test_frames_of_this_pandas(frame, protocol) -> None:
    frame = frame.astype({"s": object}) if "s" in frame else frame
    read = columns(pickle.dumps(frame, protocol=protocol))
    assert list(read) == list(frame)
    for name, values in read.items():
        assert known(values) == known(frame[name])


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_texts_and_categories(protocol) -> None:
    frame = pd.DataFrame(
        {"n": [1, 2, 3], "c": pd.Categorical(["x", None, "z"]), "s": pd.array(["p", None, "q"], "string")}
    )
    read = columns(pickle.dumps(frame, protocol=protocol))
    assert [known(values) for values in read.values()] == [[1, 2, 3], ["x", None, "z"], ["p", None, "q"]]


NAMES = {
    "pandas.core.frame": "DataFrame",
    "pandas.core.indexes.base": "Index",
    "pandas.core.indexes.range": "RangeIndex",
    "pandas.core.indexes.multi": "MultiIndex",
    "pandas.core.dtypes.dtypes": "CategoricalDtype",
    "pandas.core.arrays.categorical": "Categorical",
    "pandas.core.arrays.string_": "StringDtype",
}
"""Classes whose pickles name their module ``pandas`` since version 3, and the module before."""


def test_pandas_3_has_other_names() -> None:
    frame = pd.DataFrame({"n": [1, 2], "c": pd.Categorical(["x", "z"]), "s": pd.array(["p", "q"], "string")})
    frame.columns = pd.Index(frame.columns.tolist(), dtype="string")  # version 3 keeps labels in arrays of texts
    data = pickle.dumps(frame, protocol=2)
    for module, name in NAMES.items():
        data = data.replace(f"c{module}\n{name}\n".encode(), f"cpandas\n{name}\n".encode())
    data = data.replace(b"cpandas.core.arrays.string_\nStringArray\n", b"cpandas.arrays\nStringArray\n")
    assert b"cpandas\nDataFrame\n" in data or pd.__version__ >= "3"
    assert {name: values.tolist() for name, values in columns(data).items()} == {
        "n": [1, 2],
        "c": ["x", "z"],
        "s": ["p", "q"],
    }


def test_columns_of_two_levels() -> None:
    labels = pd.MultiIndex.from_tuples([("features", "Op1"), ("labels", "valid-acc")])
    read = columns(pickle.dumps(pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=labels)))
    assert list(read) == [("features", "Op1"), ("labels", "valid-acc")]
    assert read["labels", "valid-acc"].tolist() == [1, 3, 5]


class OldManager:
    """Pickles as the manager of pandas before 1.3: no arguments, a state of four parts."""

    def __init__(self, frame) -> None:
        numbers, rest = frame[["a", "c"]].to_numpy().T, frame[["b"]].to_numpy().T
        blocks = [{"values": numbers, "mgr_locs": slice(0, 3, 2)}, {"values": rest, "mgr_locs": np.array([1])}]
        axes = [["a", "b", "c"], list(range(len(frame)))]
        self.state = (axes, [numbers, rest], [], {"0.14.1": {"axes": axes, "blocks": blocks}})

    def __reduce__(self):
        return pd.core.internals.managers.BlockManager, (), self.state


class OldFrame:
    def __init__(self, frame) -> None:
        self.state = {"_data": OldManager(frame), "_typ": "dataframe", "_metadata": []}

    def __reduce__(self):
        return pd.DataFrame, (), self.state


def test_frames_of_old_versions() -> None:
    read = columns(pickle.dumps(OldFrame(FRAME), protocol=4))
    assert {name: values.tolist() for name, values in read.items() if name != "b"} == {"a": [1, 2, 3], "c": [4, 5, 6]}
    np.testing.assert_array_equal(read["b"], FRAME["b"])


@pytest.mark.parametrize("frame", [pd.DataFrame({"d": pd.to_datetime(["2020-01-01"])}), pd.Series([1, 2])])
def test_other_columns_are_refused(frame) -> None:
    with pytest.raises((InvalidFileError, ValueError)):
        columns(pickle.dumps(frame))


def test_mutations_of_a_frame() -> None:
    whole, rng = pickle.dumps(FRAME.astype({"s": object}), protocol=5), np.random.default_rng(0)
    refused = 0
    for _ in range(500):
        data = bytearray(whole)
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
        try:
            columns(bytes(data))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):  # the reader's file is named around it
            refused += 1
    assert refused > 100

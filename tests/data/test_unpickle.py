"""The interpreter of pickles: against Python's own on data, and on files made to harm."""

from __future__ import annotations

import pickle
import struct
import tracemalloc
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcast.data._stand_ins import CONTAINERS, NUMPY, NUMPY_SCALARS, Record
from archcast.data._unpickle import read_pickle, unpickle
from archcast.errors import InvalidFileError

ALL = {**NUMPY, **CONTAINERS}

KEYS = st.one_of(
    st.text(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.booleans(), st.none(), st.binary()
)
VALUES = st.recursive(
    st.one_of(KEYS, st.binary(max_size=300), st.text(max_size=300)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(KEYS, st.tuples(KEYS, KEYS)), inner, max_size=5),
        st.sets(KEYS, max_size=3),
        st.frozensets(KEYS, max_size=3),
    ),
    max_leaves=30,
)


@given(VALUES, st.integers(2, 5))
def test_data_is_read_as_python_reads_it(value, protocol) -> None:
    data = pickle.dumps(value, protocol=protocol)
    read, end = unpickle(data, ALL, label="x")
    assert read == value
    assert type(read) is type(value)
    assert end == len(data)
    assert unpickle(data, ALL, label="x", finish=lambda box: None)[0] == value, "the memo that forgets gives the same"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_shared_objects_stay_shared(protocol) -> None:
    inner = ["a" * 50, {"k": 1.5}]
    value = {k: [inner, inner[1], "text that recurs"] for k in range(300)}
    for finish in (None, lambda box: None):
        read, _ = unpickle(pickle.dumps(value, protocol=protocol), {}, label="x", finish=finish)
        assert read == value
        assert read[0][0] is read[299][0]
        assert read[5][1] is read[5][0][1]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numpy_scalars_and_arrays(protocol) -> None:
    arrays = [
        np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array([True, False]),
        np.array(["abc", "é"]), np.array([1, 2], dtype=">i4"), np.zeros((0, 3), dtype="f2"), np.array(3.5, dtype="f4"),
        np.array([1, 255], dtype="u1"),
    ]  # fmt: skip
    scalars = [
        np.float64(1.5),
        np.float32(0.25),
        np.float16(2.0),
        np.int64(-3),
        np.int32(7),
        np.int16(-1),
        np.uint8(9),
        np.bool_(True),
    ]
    value = {"arrays": [*arrays, arrays[0]], "scalars": scalars, "plain": OrderedDict(a=1)}
    for finish in (None, lambda box: None):
        read, _ = unpickle(pickle.dumps(value, protocol=protocol), ALL, label="x", finish=finish)
        for got, want in zip(read["arrays"], value["arrays"]):
            np.testing.assert_array_equal(got, want)
            assert got.dtype == want.dtype
        assert read["arrays"][-1] is read["arrays"][0]
        assert read["scalars"] == [scalar.item() for scalar in scalars]
        assert all(type(got) in (float, int, bool) for got in read["scalars"])


def test_text_of_python_2() -> None:
    data = b"\x80\x02]q\x00(U\x03abcq\x01T\x04\x00\x00\x00d\xe9fgq\x02e."
    assert unpickle(data, {}, label="x")[0] == ["abc", "d\xe9fg"]


def test_object_arrays_hold_plain_values_or_are_refused() -> None:
    words = np.array(["a", "bc", None], dtype=object)
    assert unpickle(pickle.dumps(words, protocol=4), ALL, label="x")[0].tolist() == ["a", "bc", None]
    with pytest.raises(InvalidFileError, match="more than numbers and texts"):
        unpickle(pickle.dumps(np.array([{}, 1], dtype=object), protocol=4), ALL, label="x")
    with pytest.raises(InvalidFileError):
        unpickle(pickle.dumps(np.zeros(2, dtype="datetime64[s]"), protocol=4), ALL, label="x")


class Evil:
    def __reduce__(self):
        return print, ("executed",)


class Thing:
    pass


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("place", [lambda e: e, lambda e: {"a": e}, lambda e: [1, (e,)], lambda e: {(1, "b"): [e]}])
def test_nothing_is_executed(capsys, protocol, place, tmp_path) -> None:
    path = tmp_path / "evil.pickle"
    path.write_bytes(pickle.dumps(place(Evil()), protocol=protocol))
    with pytest.raises(InvalidFileError, match=r"it asks for (builtins|__builtin__)\.print \(byte \d+\)\.$"):
        read_pickle(path, ALL)
    assert capsys.readouterr().out == ""


def test_records_hold_attributes_and_other_classes_are_refused() -> None:
    thing = Thing()
    thing.value = [1, 2]
    data = pickle.dumps(thing, protocol=4)
    read, _ = unpickle(data, {(Thing.__module__, "Thing"): Record}, label="x")
    assert (type(read), vars(read)) == (Record, {"value": [1, 2]})
    with pytest.raises(InvalidFileError, match=r"it asks for .*Thing"):
        unpickle(data, {}, label="x")
    with pytest.raises(InvalidFileError, match="pandas"):
        unpickle(pickle.dumps(pd.Timedelta), {("other", "Thing"): Record}, label="x")


P2 = b"\x80\x02"
HOSTILE = {
    "text of a length beyond the end": P2 + b"X\xff\xff\xff\x7f.",
    "bytes of a length beyond the end": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b".",
    "byte array beyond the end": b"\x80\x05\x96" + struct.pack("<Q", 1 << 60) + b".",
    "memo number that was never stored": P2 + b"j\xff\xff\xff\xff.",
    "integer of many bytes": P2 + b"\x8a\xff" + b"\x01" * 255 + b".",
    "integer of four length bytes": P2 + b"\x8b\xff\xff\xff\x7f.",
    "nothing on the stack": P2 + b".",
    "two objects": P2 + b"]].",
    "items without a mark": P2 + b"}u.",
    "tuple without items": P2 + b"\x87.",
    "append to a number": P2 + b"K\x01K\x02a.",
    "item of a list": P2 + b"]K\x01K\x02s.",
    "call of a text": P2 + b"X\x01\x00\x00\x00a)R.",
    "state of a number": P2 + b"K\x01}b.",
    "list as a key": P2 + b"}]K\x01s.",
    "odd number of items": P2 + b"}(K\x01u.",
    "global without end": P2 + b"c" + b"a" * 600,
    "persistent id": P2 + b"K\x01Q.",
    "no pickle": b"hello",
    "protocol 0": b"(dp0\n.",
    "protocol 1": b"\x80\x01K\x01.",
    "protocol 9": b"\x80\x09K\x01.",
    "extension registry": P2 + b"\x82\x01.",
    "instance": P2 + b"(ios\nsystem\n.",
    "nothing": b"",
    "text that is not UTF-8": P2 + b"X\x02\x00\x00\x00\xff\xfe.",
    "marks upon marks": P2 + b"(" * 100_000 + b".",
    "lists in lists": P2 + b"]" * 50_000 + b"a" * 49_999 + b".",
    "tuples in tuples": P2 + b")" + b"\x85" * 50_000 + b".",
    "a list in itself": P2 + b"]q\x00h\x00a.",
}


DEEP = [HOSTILE[name] for name in ("lists in lists", "tuples in tuples", "a list in itself")]


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("finish", [None, lambda box: None])
def test_hostile_instructions(data, finish) -> None:
    tracemalloc.start()
    message = ""
    try:
        unpickle(data, ALL, label="'x.pickle'", finish=finish)
    except InvalidFileError as error:
        message = str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
    # how deep the result is nested is not looked at where the caller takes dictionaries as they come
    assert message or (finish is not None and data in DEEP)
    if message:
        assert message.startswith("'x.pickle' could not be read as plain data: ")
        assert "(byte " in message
        assert len(message) < 400


def test_a_huge_memo_number_costs_nothing() -> None:
    tracemalloc.start()
    assert unpickle(P2 + b"]r\xff\xff\xff\xff.", {}, label="x")[0] == []
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_keys_that_cost_exponential_time() -> None:
    """Each tuple holds the one before twice: its hash visits 2**60 parts."""
    data = P2 + b"}K\x01q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"K\x01s."
    nested = P2 + b"}" + b"K\x01q\x00" + b"".join(b"h\x00h\x00\x86q\x00" for _ in range(60))
    for hostile in (data, nested + b"K\x02s.", P2 + b"\x8f(K\x01q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"\x90."):
        with pytest.raises(InvalidFileError):
            unpickle(hostile, ALL, label="x")


def test_too_many_instructions_and_bytes(tmp_path) -> None:
    data = pickle.dumps(list(range(1000)), protocol=4)
    with pytest.raises(InvalidFileError, match="more than 500 instructions"):
        unpickle(data, {}, label="x", max_opcodes=500)
    path = tmp_path / "x.pickle"
    path.write_bytes(data)
    with pytest.raises(InvalidFileError, match="at most 100 are read"):
        read_pickle(path, {}, max_bytes=100)


@pytest.fixture(scope="module")
def sample() -> bytes:
    value = {
        "meta": [f"|op~{k}|" for k in range(5)],
        "runs": {
            ("cifar10", 777): OrderedDict(
                acc={k: k / 7 for k in range(20)}, params=np.float64(1.5), array=np.arange(5.0)
            )
        },
        "set": {1, 2},
        "flags": (True, None, b"bytes", -5, 70_000, 2**40),
    }
    return pickle.dumps(value, protocol=4)


def test_cut_at_every_byte(sample) -> None:
    for size in range(len(sample)):
        with pytest.raises(InvalidFileError, match=r"\(byte \d+\)\.$"):
            unpickle(sample[:size], ALL, label="x")


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_thousand_mutations(sample, protocol, capsys) -> None:
    """A flipped bit, another byte, bytes cut out or doubled: data of another kind, or one clear error; little memory."""
    whole = pickle.dumps(pickle.loads(sample), protocol=protocol)
    rng = np.random.default_rng(protocol)
    refused = 0
    tracemalloc.start()
    for k in range(1000):
        data = bytearray(whole)
        at = int(rng.integers(len(data)))
        if k % 4 == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif k % 4 == 1:
            data[at] = int(rng.integers(256))
        elif k % 4 == 2:
            del data[at : at + int(rng.integers(1, 9))]
        else:
            data[at:at] = data[at : at + int(rng.integers(1, 40))]
        for finish in (None, lambda box: None):
            message = ""
            try:
                unpickle(bytes(data), ALL, label="x", finish=finish)
            except InvalidFileError as error:
                message = str(error)
            refused += bool(message)
            assert "\n" not in message
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused > 800
    assert peak < 20_000_000
    assert capsys.readouterr().out == ""


def test_numpy_scalars_of_a_wrong_size() -> None:
    data = pickle.dumps(np.float64(1.5), protocol=4)
    with pytest.raises(InvalidFileError, match="a scalar of type 'f8' holds 4 bytes"):
        unpickle(
            data.replace(struct.pack("<d", 1.5), struct.pack("<f", 1.5)).replace(b"C\x08", b"C\x04"),
            NUMPY_SCALARS,
            label="x",
        )

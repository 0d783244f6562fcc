"""Digests are stacked as a loop would do it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archcast.data.published._gather import concatenate, stack

FLOATS = st.floats(-100, 100, width=32)
DIGESTS = st.lists(
    st.fixed_dictionaries({}, optional={"a": FLOATS, "b": FLOATS, "c": st.lists(FLOATS, min_size=1, max_size=4)}),
    max_size=6,
)


def by_hand(digests):
    out = {}
    for name in ("a", "b", "c"):
        if not any(name in digest for digest in digests):
            continue
        if name == "c":
            width = max(len(digest["c"]) for digest in digests if "c" in digest)
            out[name] = [[*digest.get("c", []), *[np.nan] * (width - len(digest.get("c", [])))] for digest in digests]
        else:
            out[name] = [digest.get(name, np.nan) for digest in digests]
    return out


def same(arrays, expected) -> None:
    assert set(arrays) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(arrays[name], np.array(values, dtype=arrays[name].dtype))


@given(DIGESTS)
def test_stack(digests) -> None:
    same(stack(digests), by_hand(digests))


@given(st.lists(DIGESTS, max_size=4))
def test_concatenate(groups) -> None:
    groups = [
        [{**digest, "a": 0.5} for digest in group] for group in groups if group
    ]  # each part has one name at least
    same(concatenate([stack(group) for group in groups]), by_hand([digest for group in groups for digest in group]))

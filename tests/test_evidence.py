from __future__ import annotations

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence

FULL = Evidence(
    curves={"loss": np.arange(8.0).reshape(4, 2)}, proxies={"snip": [1.0, np.nan, 3.0, 4.0]}, costs={"ms": [4, 3, 2, 1]}
)


def test_length_and_truth():
    assert (len(Evidence()), bool(Evidence())) == (0, False)
    assert (len(FULL), bool(FULL)) == (4, True)
    assert bool(Evidence(proxies={"p": np.zeros(0)}))


@pytest.mark.parametrize("rows", [slice(1, 3), [2, 0], np.array([True, False, True, False]), 3, np.int64(1)])
def test_indexing_takes_the_rows_of_everything(rows):
    part, index = FULL[rows], np.atleast_1d(np.arange(4)[rows])
    np.testing.assert_array_equal(part.curves["loss"], FULL.curves["loss"][index])
    np.testing.assert_array_equal(part.proxies["snip"], FULL.proxies["snip"][index])
    np.testing.assert_array_equal(part.costs["ms"], FULL.costs["ms"][index])


def test_matrix_has_nan_for_what_is_not_there():
    matrix = FULL.matrix(["zen", "snip"])
    assert np.isnan(matrix[:, 0]).all()
    np.testing.assert_array_equal(matrix[:, 1], FULL.proxies["snip"])


def test_concatenate_is_the_inverse_of_slicing():
    again = Evidence.concatenate([FULL[:1], FULL[1:]])
    for kind in ("curves", "proxies", "costs"):
        for name, values in getattr(FULL, kind).items():
            np.testing.assert_array_equal(getattr(again, kind)[name], values)
    with pytest.raises(InvalidInputError, match="evidence parts differ in their proxies"):
        Evidence.concatenate([FULL, Evidence(curves=FULL.curves, costs=FULL.costs)])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"proxies": {"p": ["a"]}}, r"evidence\.proxies\['p'\] must be an array of numbers"),
        ({"proxies": {"p": [[1.0]]}}, r"must have shape \(n,\), got \(1, 1\)"),
        ({"curves": {"c": [1.0]}}, r"must have shape \(n, epochs\), got \(1,\)"),
        ({"proxies": {"p": [np.inf]}}, "holds an infinite value. Use NaN"),
        (
            {"proxies": {"p": [1.0], "q": [1.0, 2.0]}},
            r"evidence\.proxies\['q'\] has 2 rows, evidence\.proxies\['p'\] has 1",
        ),
        ({"curves": {"c": [[1.0]]}, "costs": {"ms": [1.0, 2.0]}}, r"evidence\.costs\['ms'\] has 2 rows"),
    ],
)
def test_wrong_evidence_is_named(wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        Evidence(**wrong)

"""Conventions have names, and say what they count."""

from __future__ import annotations

import pytest

from archcast.costs.conventions import CONVENTIONS, convention_of
from archcast.errors import UnknownNameError


def test_each_is_found_by_its_name():
    assert set(CONVENTIONS) == {"macs", "tensorwatch", "thop"}
    for name, convention in CONVENTIONS.items():
        assert convention_of(name) is convention
        assert convention.name == name
        assert convention.summary


@pytest.mark.parametrize(("name", "expected"), [("macs", 0), ("tensorwatch", 5 * 8), ("thop", 4 * 7 + 1)])
def test_global_pools(name, expected):
    assert convention_of(name).global_pool(4, 7) == expected


@pytest.mark.parametrize("name", ["flops", "tensor-watch", "", None, "x" * 500])
def test_others_are_refused(name):
    with pytest.raises(UnknownNameError, match=r"^Unknown convention .*macs") as caught:
        convention_of(name)
    assert len(str(caught.value)) < 200

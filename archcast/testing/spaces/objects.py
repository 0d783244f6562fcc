"""Checks of a space as an object: copies and pickles are equal to it."""

from __future__ import annotations

import copy
import pickle

from archcast.spaces.base import SPACES, SearchSpace
from archcast.testing._assertions import require, require_equal
from archcast.testing.spaces._material import rows_of


def check_copies(space: SearchSpace) -> None:
    space.canonical(rows_of(space))
    require("\n" not in repr(space) and space.name in repr(space), f"repr is {space!r}")
    for twin in (
        pickle.loads(pickle.dumps(space)),
        copy.deepcopy(space),
        *([type(space)()] if SPACES.name_of(type(space)) else []),
    ):
        require(twin == space and hash(twin) == hash(space), "a copy is not equal to the space")
        require_equal(
            twin.canonical(rows_of(space)), space.canonical(rows_of(space)), "a copy has another canonical form"
        )
    require(len(pickle.dumps(space)) < 10_000, "a pickled space must not carry its tables")

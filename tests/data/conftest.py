"""What the tests of readers share: files that are damaged in every way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from archcast.errors import ArchcastError


@pytest.fixture
def survives() -> Callable[..., int]:
    """A function that damages a file many times and loads it: each time it must load, or fail in one line of ours.

    Bytes are flipped, replaced, cut out, doubled, and the end is missing. It gives the number of refusals.
    """

    def check(path, load: Callable[[], object], times: int = 60, seed: int = 0) -> int:
        rng = np.random.default_rng(seed)
        whole = path.read_bytes()
        refused = 0
        for k in range(times):
            data = bytearray(whole)
            at = int(rng.integers(len(data)))
            kind = k % 5
            if kind == 0:
                data[at] ^= 1 << int(rng.integers(8))
            elif kind == 1:
                data[at] = int(rng.integers(256))
            elif kind == 2:
                del data[at : at + int(rng.integers(1, 9))]
            elif kind == 3:
                data[at:at] = data[at : at + 8]
            else:
                del data[at:]
            path.write_bytes(bytes(data))
            message = ""
            try:
                load()
            except ArchcastError as error:
                message = str(error)
            refused += bool(message)
            assert "\n" not in message
            assert len(message) < 1_500
        path.write_bytes(whole)
        load()
        return refused

    return check

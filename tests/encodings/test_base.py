"""What the base class does for every encoder."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from archcast.encodings import base
from archcast.encodings.base import Encoder, get_encoding
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.spaces.base import get_space


class Counting(Encoder):
    """Remembers how many rows it was asked to encode at a time."""

    seen: list[int]

    def _encode(self, space, archs):
        self.seen.append(len(archs))
        return archs

    def _names(self, space):
        return list(space.columns)


def test_rows_are_encoded_in_chunks(monkeypatch):
    monkeypatch.setattr(base, "CHUNK", 4)
    encoder = Counting("nasbench201")
    encoder.seen = []
    rows = get_space("nasbench201").sample(10, 0)
    np.testing.assert_array_equal(encoder.transform(rows), rows)
    assert encoder.seen == [4, 4, 2]


@pytest.mark.parametrize("name", ["path", "graph-features", "gnn", "wl"])
def test_chunks_do_not_show(name, monkeypatch):
    rows = get_space("nasbench201").sample(50, 0)
    encoder = get_encoding(name, "nasbench201").fit(rows)
    whole = encoder.transform(rows)
    monkeypatch.setattr(base, "CHUNK", 7)
    np.testing.assert_array_equal(encoder.transform(rows), whole)


def test_unknown_names_and_parameters():
    with pytest.raises(UnknownNameError, match=r"Unknown encoding 'pathh'. Did you mean 'path'"):
        get_encoding("pathh", "nasbench201")
    with pytest.raises(InvalidInputError, match=r"Encoding 'adjacency' has no parameter 'size'. Available: pruned."):
        get_encoding("adjacency", "nasbench201", size=3)


def test_torch_is_not_imported_to_encode():
    code = (
        "import sys, archcast; from archcast.encodings import ENCODINGS; s = archcast.get_space('nasbench201')\n"
        "for name in set(ENCODINGS) - {'layers-so-far', 'structure', 'arch2vec', 'cate'}:\n"
        "    archcast.get_encoding(name, s).fit(s.sample(3, 0)).transform(s.sample(3, 0))\n"
        "assert not {'torch', 'torch_geometric', 'matplotlib'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""A surrogate that is code is refused, with the reason and what to do instead."""

from __future__ import annotations

import pytest

from archcast.data.base import BENCHMARKS, benchmark_names, load_benchmark
from archcast.errors import InvalidFileError


@pytest.mark.parametrize("name", [n for n in benchmark_names() if n.startswith("nas-bench-x11")])
def test_it_is_refused(name: str, tmp_path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"cos\nsystem\n.")
    with pytest.raises(InvalidFileError, match=r"nothing in a file is executed.*archcast surrogate"):
        load_benchmark(name, tmp_path)


def test_the_list_says_so() -> None:
    assert "refused" in BENCHMARKS.entry("nas-bench-x11").info["summary"]

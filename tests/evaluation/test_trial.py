"""Threads are limited inside a trial and restored after it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from archcast.evaluation.trial import one_thread


def pools():
    return {(p["filepath"], p["num_threads"]) for p in threadpool_info()}


def test_blas_and_environment(monkeypatch) -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = pools()
    inside = []

    def fail():
        with one_thread():
            inside.append((os.environ["OMP_NUM_THREADS"], {threads for _, threads in pools()}))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert inside == [("1", {1})]
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert pools() == before
    monkeypatch.delenv("OMP_NUM_THREADS")
    with one_thread():
        pass
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("first", ["import torch; torch.set_num_threads(2)", "pass"])
def test_torch_whether_loaded_before_or_inside(first) -> None:
    code = f"""
from archcast.evaluation.trial import one_thread
{first}
with one_thread():
    import torch
    inside = torch.get_num_threads()
print(inside, torch.get_num_threads())
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    ).stdout
    assert out.split() == ["1", "2"]

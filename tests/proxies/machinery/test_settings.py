"""What a model sets for the whole process is put back."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import archcast
from archcast.proxies.machinery.settings import SETTINGS, restore, settings

OTHER: dict[str, Any] = {
    "default dtype": torch.float64,
    "precision of products": "medium",
    "threads": torch.get_num_threads() + 1,
    "gradients": False,
    "anomalies": True,
    "cuDNN": (False, True, True, False),
    "numpy's errors": dict.fromkeys(("divide", "over", "under", "invalid"), "raise"),
    "recursion": 12_345,
}


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled:UserWarning")
@pytest.mark.parametrize("name", OTHER)
def test_a_setting_is_put_back(name: str) -> None:
    read, write = SETTINGS[name]
    before = settings()
    try:
        write(OTHER[name])
        assert read() != before[name]
    finally:
        restore(before)
    assert settings() == before


class Meddler(nn.Module):
    """Changes whatever it can reach."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.folder = folder

    def forward(self, x: Tensor) -> Tensor:
        os.environ["MEDDLED"] = "1"
        os.environ.pop("KEPT", None)
        os.chdir(self.folder)
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        torch.set_default_dtype(torch.float64)
        sys.setrecursionlimit(5_000)
        return self.linear(x.mul_(2))


def test_a_model_that_meddles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "here")
    inputs = torch.ones(5, 4)
    before, filters = settings(), list(warnings.filters)
    found = archcast.score(Meddler(tmp_path), inputs, torch.tensor([0, 1, 2, 0, 1]), proxies=["params", "snip", "near"])
    assert set(found) | set(found.failures) == {"params", "snip", "near"}
    assert settings() == before
    assert list(warnings.filters) == filters
    torch.testing.assert_close(inputs, torch.ones(5, 4))


def test_scoring_leaves_environment_and_filters_and_does_not_import_the_compiler() -> None:
    code = """
import os, sys, warnings, torch, archcast
before, filters = dict(os.environ), list(warnings.filters)
archcast.score(torch.nn.Linear(4, 3), torch.ones(2, 4), torch.tensor([0, 1]), proxies=["params", "snip"])
assert dict(os.environ) == before, set(os.environ) - set(before)
assert list(warnings.filters) == filters
assert "torch._inductor" not in sys.modules
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr

"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# no test is about time, and every run sees the same cases
settings.register_profile("archcast", deadline=None, derandomize=True)
settings.load_profile("archcast")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with published tables and golden values, beside the checkout of the developers; absent elsewhere."""
    if not SHARED.is_dir():
        pytest.skip("the developers' folder of published tables is not beside this checkout")
    return SHARED


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)

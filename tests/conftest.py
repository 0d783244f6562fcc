"""Fixtures that every test may use."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

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


@pytest.fixture
def no_device_is_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeding CUDA's generators is an error: what is drawn on the processor leaves them as they are."""

    def refuse(seed: int) -> None:
        raise AssertionError("CUDA's generators are seeded")

    monkeypatch.setattr("torch.cuda.manual_seed_all", refuse)


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    """A function that loads a script of the repository afresh, e.g. ``benchmarks/digits.py``."""

    def load(path: str) -> ModuleType:
        name = f"script_{Path(path).stem}"
        spec = importlib.util.spec_from_file_location(name, Path(__file__).resolve().parents[1] / path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return load

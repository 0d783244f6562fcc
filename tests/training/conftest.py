"""A data set so small that a training takes a blink."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.training import Augmentation, Dataset


@pytest.fixture(scope="session")
def stripes() -> Dataset:
    """Horizontal or vertical stripes in noise: 48 images to train on, 24 to validate, 24 to test."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 96)
    waves = np.broadcast_to(np.sin(np.arange(6) * np.pi)[:, None] + np.cos(np.arange(6) * np.pi)[:, None], (6, 6))
    images = np.where(labels[:, None, None] == 1, waves, waves.T)[:, None] + 0.3 * rng.normal(size=(96, 1, 6, 6))
    x, y = torch.from_numpy(images).float(), torch.from_numpy(labels)
    return Dataset("stripes", (x[:48], y[:48]), (x[48:72], y[48:72]), (x[72:], y[72:]), 2, Augmentation(noise=0.1))

"""The feed-forward networks against plain numpy."""

from __future__ import annotations

import numpy as np

from archcast.predictors.neural import _mlp
from archcast.predictors.neural.losses import squared_error


def by_hand(weights: dict[str, np.ndarray], member: int, row: np.ndarray) -> tuple[np.ndarray, float]:
    """Last hidden activations and output of one network for one row."""
    h, layer = row, 0
    while f"hidden.{layer}.weight" in weights:
        h = h @ weights[f"hidden.{layer}.weight"][member].astype(float) + weights[f"hidden.{layer}.bias"][member, 0]
        h, layer = h / (1 + np.exp(-h)), layer + 1
    return h, float(h @ weights["output.weight"][member, :, 0].astype(float) + weights["output.bias"][member, 0, 0])


def learn(inputs: np.ndarray, targets: np.ndarray, **params: object) -> dict[str, np.ndarray]:
    options = {"members": 3, "hidden": (8, 5), "epochs": 5, "learning_rate": 1e-2, "weight_decay": 0.0} | params
    return _mlp.learn(inputs, targets, squared_error, rng=np.random.default_rng(0), **options)


def test_outputs_and_basis(rng: np.random.Generator) -> None:
    inputs, targets = rng.normal(size=(7, 4)), rng.normal(size=7)
    for hidden in ((8, 5), (6,), ()):
        weights = learn(inputs, targets, hidden=hidden)
        outputs, basis = _mlp.outputs(weights, inputs), _mlp.basis(weights, inputs)
        width = hidden[-1] if hidden else 4
        for i in range(7):
            for m in range(3):
                activations, output = by_hand(weights, m, inputs[i])
                np.testing.assert_allclose(outputs[m, i], output, rtol=1e-9)
                if hidden:
                    np.testing.assert_allclose(basis[i, m * width : (m + 1) * width], activations, rtol=1e-9)


def test_training_fits(rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(40, 3))
    targets = np.sin(inputs[:, 0]) + inputs[:, 1] * inputs[:, 2]
    outputs = _mlp.outputs(learn(inputs, targets, epochs=300, hidden=(32, 32)), inputs)
    assert np.square(outputs - targets).mean() < 0.05 * targets.var()


def test_norm_of_inputs_does_not_depend_on_their_number(rng: np.random.Generator) -> None:
    for k in (3, 300):
        norms = np.linalg.norm(_mlp.inputs_of(rng.normal(size=(2000, k))), axis=1)
        assert abs(np.sqrt(np.square(norms).mean()) - _mlp.NORM) < 0.2

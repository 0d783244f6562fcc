"""What the neural predictors share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from archcast.predictors.networks import (
    CHUNK,
    BatchedLinear,
    arrays_of,
    in_chunks,
    one_thread,
    private_random_stream,
    train,
    with_arrays,
)


def test_random_stream_is_seeded_and_private() -> None:
    before = torch.get_rng_state()
    draws = []
    for seed in (0, 0, 1):
        with private_random_stream(np.random.default_rng(seed)):
            draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_random_stream_comes_back_after_an_error() -> None:
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), private_random_stream(np.random.default_rng(0)):
        torch.rand(3).reshape(2)
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_come_back() -> None:
    before, seen = torch.get_num_threads(), []
    layer = BatchedLinear(1, 2, 1)

    def loss(rows: torch.Tensor) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return layer.weight.sum()

    train(layer, loss, 3, epochs=2, learning_rate=0.1)
    assert seen == [1, 1]
    assert torch.get_num_threads() == before
    with pytest.raises(RuntimeError), one_thread():
        torch.rand(3).reshape(2)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("bias", [True, False])
def test_batched_linear_is_one_layer_a_member(bias: bool) -> None:
    with private_random_stream(np.random.default_rng(0)):
        layer, x = BatchedLinear(3, 4, 2, bias=bias), torch.randn(3, 5, 4)
        if bias:
            nn.init.normal_(layer.bias)
    for m in range(3):
        expected = nn.functional.linear(x[m], layer.weight[m].T, layer.bias[m, 0] if bias else None)
        torch.testing.assert_close(layer(x)[m], expected)
        torch.testing.assert_close(
            layer(x[:1])[m], nn.functional.linear(x[0], layer.weight[m].T, layer.bias[m, 0] if bias else None)
        )


def test_members_learn_as_they_would_alone() -> None:
    with private_random_stream(np.random.default_rng(0)):
        x, t = torch.randn(20, 4), torch.randn(20)
        together = BatchedLinear(3, 4, 1)
    alone = []
    for m in range(3):
        layer = BatchedLinear(1, 4, 1)
        layer.weight.data = together.weight.data[m : m + 1].clone()
        train(
            layer,
            lambda rows, f=layer: (f(x[rows][None])[..., 0] - t[rows]).square().mean(),
            20,
            epochs=30,
            learning_rate=0.1,
        )
        alone.append(layer.weight)
    train(
        together,
        lambda rows: (together(x[rows][None])[..., 0] - t[rows]).square().mean(dim=1).sum(),
        20,
        epochs=30,
        learning_rate=0.1,
    )
    torch.testing.assert_close(together.weight, torch.cat(alone))


def test_training_reaches_the_minimum() -> None:
    layer, target = BatchedLinear(1, 2, 1), torch.tensor([[[0.3], [-2.0]]])
    layer.weight.data.zero_()
    train(layer, lambda rows: (layer.weight - target).square().sum(), 1, epochs=400, learning_rate=0.05)
    torch.testing.assert_close(layer.weight, target, atol=1e-3, rtol=0)
    assert not layer.training


def test_weights_decay_and_biases_do_not() -> None:
    layer = BatchedLinear(1, 2, 1)
    layer.bias.data.fill_(1.0)
    before = layer.weight.detach().clone()
    train(
        layer,
        lambda rows: 0 * (layer.weight.sum() + layer.bias.sum()),
        1,
        epochs=50,
        learning_rate=0.01,
        weight_decay=1.0,
    )
    assert (layer.weight.abs() < 0.9 * before.abs()).all()
    assert torch.equal(layer.bias, torch.ones_like(layer.bias))


@pytest.mark.parametrize(("n", "size", "batches"), [(10, 10, 1), (10, 4, 3), (1, 4, 1), (9, 8, 2)])
def test_every_epoch_sees_every_row_once(n: int, size: int, batches: int) -> None:
    layer, seen = BatchedLinear(1, 1, 1), []

    def loss(rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows.tolist())
        return layer.weight.sum()

    with private_random_stream(np.random.default_rng(0)):
        train(layer, loss, n, epochs=3, learning_rate=0.1, batch_size=size)
    assert len(seen) == 3 * batches
    epochs = [[i for rows in seen[k * batches : (k + 1) * batches] for i in rows] for k in range(3)]
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    assert max(map(len, seen)) <= size
    if batches > 1:
        assert epochs[0] != epochs[1]


def test_weights_go_to_arrays_and_back(rng: np.random.Generator) -> None:
    one = BatchedLinear(2, 3, 4)
    arrays = arrays_of(one)
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    x = torch.tensor(rng.normal(size=(2, 5, 3)))
    before = torch.get_rng_state()
    copy = with_arrays(lambda: BatchedLinear(2, 3, 4), arrays)
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(copy(x), one.double()(x))
    one.weight.data.zero_()
    assert np.abs(arrays["weight"]).min() > 0


def test_chunks_are_joined(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(2 * CHUNK + 3, 2))
    sizes = []

    def function(x: np.ndarray) -> torch.Tensor:
        sizes.append(len(x))
        return torch.from_numpy(np.stack([x.sum(axis=1), x[:, 0]]))

    np.testing.assert_array_equal(in_chunks(function, rows), [rows.sum(axis=1), rows[:, 0]])
    assert sizes == [CHUNK, CHUNK, 3]

"""Encoder, predictor and decoder on sequences of decisions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.predictors.networks import private_random_stream, with_arrays
from archcast.predictors.neural import _sequence
from archcast.spaces.base import get_space

OPTIONS = {"hidden": 24, "dropout": 0.0, "learning_rate": 1e-2, "weight_decay": 0.0}


def network(size: int = 5, length: int = 6) -> _sequence.SequenceNetwork:
    with private_random_stream(np.random.default_rng(0)):
        return _sequence.SequenceNetwork(size, length, 8, 0.0).double()


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "darts"])
def test_tokens_tell_equally_many_choices_by_their_value(name: str) -> None:
    space = get_space(name)
    archs = space.canonical(space.sample(50, 0))
    tokens, size = _sequence.tokens(space, archs)
    assert tokens.min() >= 0
    assert tokens.max() < size == sum(set(space.cardinalities))
    for i, a in enumerate(space.cardinalities):
        for j, b in enumerate(space.cardinalities):
            same = tokens[:, i] == tokens[:, j]
            np.testing.assert_array_equal(same, (archs[:, i] == archs[:, j]) & (a == b))


def test_equal_functions_have_equal_tokens() -> None:
    space = get_space("nasbench201")
    archs = space.sample(50, 0)
    np.testing.assert_array_equal(_sequence.tokens(space, archs)[0], _sequence.tokens(space, space.canonical(archs))[0])


def test_decoder_does_not_see_what_it_is_to_predict() -> None:
    net = network()
    sequence = torch.tensor([[0, 1, 2, 3, 4, 0]])
    states, embedding = net.encode(sequence)
    logits = net.decode(sequence, states, embedding)
    for i in range(6):
        other = sequence.clone()
        other[0, i:] = (other[0, i:] + 1) % 5
        changed = net.decode(other, states, embedding)
        torch.testing.assert_close(changed[:, : i + 1], logits[:, : i + 1])
        if i < 5:
            assert not torch.allclose(changed[:, i + 1], logits[:, i + 1])


def test_loss_is_squared_error_and_cross_entropy(rng: np.random.Generator) -> None:
    net = network()
    sequence = torch.from_numpy(rng.integers(0, 5, size=(4, 6)))
    targets = torch.from_numpy(rng.normal(size=4))
    states, embedding = net.encode(sequence)
    error = (net.predict(embedding) - targets).square().mean()
    probabilities = net.decode(sequence, states, embedding).softmax(dim=-1)
    likelihood = [probabilities[k, i, sequence[k, i]].log() for k in range(4) for i in range(6)]
    expected = 0.3 * error - 0.7 * torch.stack(likelihood).mean()
    torch.testing.assert_close(net.loss(sequence, targets, 0.3), expected)


def test_decoder_learns_to_reconstruct_and_predictor_to_predict() -> None:
    space = get_space("nasbench201")
    archs = space.sample(20, 0)
    targets = np.random.default_rng(0).normal(size=20)
    weights = _sequence.learn(space, archs, targets, rng=np.random.default_rng(0), trade_off=0.5, epochs=150, **OPTIONS)
    net = with_arrays(lambda: _sequence.SequenceNetwork(5, 6, 24, 0.0), weights)
    sequence = torch.from_numpy(_sequence.tokens(space, archs)[0])
    with torch.no_grad():
        logits = net.decode(sequence, *net.encode(sequence))
    assert (logits.argmax(dim=-1) == sequence).double().mean() > 0.95
    distinct = np.unique(space.canonical(archs), axis=0, return_index=True)[1]
    predictions = _sequence.outputs(space, archs, weights)
    assert np.corrcoef(predictions[distinct], targets[distinct])[0, 1] > 0.95


def test_pseudo_labels_are_the_networks_own_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    space = get_space("nasbench201")
    archs, more = space.sample(6, 0), space.sample(9, 1)
    targets = np.arange(6.0)

    def learn(rounds: int) -> dict[str, np.ndarray]:
        return _sequence.learn(
            space,
            archs,
            targets,
            rng=np.random.default_rng(0),
            trade_off=0.5,
            epochs=4,
            unlabelled=more,
            rounds=rounds,
            round_epochs=1,
            **OPTIONS,
        )

    before = learn(0)
    seen = []
    loss = _sequence.SequenceNetwork.loss

    def spy(
        self: _sequence.SequenceNetwork,
        sequence: torch.Tensor,
        labels: torch.Tensor,
        trade_off: float,
        objective: object,
        *,
        decoded: bool,
    ) -> torch.Tensor:
        seen.append((sequence.numpy().copy(), labels.numpy().copy()))
        return loss(self, sequence, labels, trade_off, objective, decoded=decoded)

    monkeypatch.setattr(_sequence.SequenceNetwork, "loss", spy)
    after = learn(1)
    labelled, unlabelled = seen[-2:]
    assert len(seen) == 4 + 2
    assert sorted(labelled[1].tolist()) == targets.tolist()
    np.testing.assert_array_equal(unlabelled[0], _sequence.tokens(space, more)[0])
    np.testing.assert_allclose(unlabelled[1], _sequence.outputs(space, more, before), rtol=1e-4, atol=1e-5)
    assert any(not np.array_equal(after[name], before[name]) for name in before)


def test_half_of_the_rows_are_without_what_may_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it or nothing, drawn anew in each step, unlabelled rows as they are; every third step is decoded."""
    space = get_space("nasbench201")
    archs = np.column_stack([space.sample(200, 0)[:, :4], np.zeros((200, 2), dtype=np.int64)])
    unknown = np.array([-1, -1, -1, -1, 4, 4])
    seen = []
    loss = _sequence.SequenceNetwork.loss

    def spy(self: _sequence.SequenceNetwork, sequence: torch.Tensor, *args: object, decoded: bool) -> torch.Tensor:
        seen.append((sequence.numpy().copy(), decoded))
        return loss(self, sequence, *args, decoded=decoded)

    monkeypatch.setattr(_sequence.SequenceNetwork, "loss", spy)
    monkeypatch.setattr(type(space), "canonical", lambda self, rows: rows)
    options = OPTIONS | {"trade_off": 0.5, "epochs": 1, "unlabelled": archs, "rounds": 1, "round_epochs": 1}
    options |= {"batch_sizes": (100, 200), "fewest_steps": 7, "decode_every": 3, "unknown": unknown}
    _sequence.learn(space, archs, np.arange(200.0), rng=np.random.default_rng(0), **options)
    assert len(seen) == 8 + 2, "four passes of two steps each, then a labelled and an unlabelled batch"
    assert [decoded for _, decoded in seen] == [True, False, False] * 2 + [True, False] + [False, False]
    blank = _sequence.tokens(space, np.full((1, 6), 4))[0][0, 5]
    for rows, _ in seen[:-1]:
        gone = rows[:, 4:] == blank
        assert (gone[:, 0] == gone[:, 1]).all()
        assert 0.3 < gone[:, 0].mean() < 0.7
    np.testing.assert_array_equal(seen[-1][0], _sequence.tokens(space, archs)[0])

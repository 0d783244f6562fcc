"""Encoder, performance predictor and decoder over the sequence of decisions: the network of NAO and SemiNAS.

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.predictors.networks import (
    Arrays,
    arrays_of,
    in_chunks,
    one_thread,
    private_random_stream,
    single,
    train,
    with_arrays,
)
from archcast.predictors.neural.losses import Loss, squared_error
from archcast.torch_state import here

__all__ = ["Decisions", "SequenceNetwork", "learn", "outputs", "tokens"]


class Decisions(Protocol):
    """What is asked of a space here: rows of decisions with a canonical form."""

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of values of each decision."""

    def canonical(self, archs: NDArray[np.int64], /) -> NDArray[np.int64]:
        """Equal rows for equal functions."""


def tokens(space: Decisions, archs: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """``(n, d)`` tokens of the canonical rows, and how many tokens there are.

    Decisions with equally many values share their tokens, as the operations of all edges do in a cell; where they stand
    in the row is told by a positional embedding.
    """
    sizes = sorted(set(space.cardinalities))
    starts = dict(zip(sizes, np.cumsum([0, *sizes]).tolist(), strict=False))
    return space.canonical(archs) + np.array([starts[c] for c in space.cardinalities]), sum(sizes)


class SequenceNetwork(nn.Module):
    """LSTM encoder, feed-forward predictor on the mean of its states, LSTM decoder with dot-product attention to them.

    The encoder's states are normalised to unit length and so is their mean, the embedding, as in Luo et al. 2018.

    Args:
        tokens: size of the vocabulary.
        length: decisions ``d``.
        hidden: width of all layers.
        dropout: share of the embedding's inputs that is dropped in training.
    """

    def __init__(self, tokens: int, length: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens + 1, hidden)
        self.position = nn.Parameter(torch.randn(length, hidden))
        self.encoder = nn.LSTM(hidden, hidden, batch_first=True)
        self.predictor = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.decoder = nn.LSTM(hidden, hidden, batch_first=True)
        self.attention = nn.Linear(2 * hidden, hidden)
        self.output = nn.Linear(hidden, tokens)
        self.dropout = nn.Dropout(dropout)
        self.start = tokens

    def encode(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, d)`` tokens to states ``(n, d, hidden)`` and the embedding ``(n, hidden)``."""
        states, _ = self.encoder(self.dropout(self.embedding(sequence) + self.position))
        states = functional.normalize(states, dim=-1)
        return states, functional.normalize(states.mean(dim=1), dim=-1)

    def predict(self, embedding: Tensor) -> Tensor:
        """``(n, hidden)`` to ``(n,)``."""
        return torch.squeeze(self.predictor(embedding), 1)

    def decode(self, sequence: Tensor, states: Tensor, embedding: Tensor) -> Tensor:
        """Logits ``(n, d, tokens)`` of each token, given those before it (teacher forcing) and the encoder's states."""
        before = torch.cat([torch.full_like(sequence[:, :1], self.start), sequence[:, :-1]], dim=1)
        first = (embedding[None], torch.zeros_like(embedding)[None])
        hidden, _ = self.decoder(self.embedding(before) + self.position, first)
        weights = torch.softmax(hidden @ states.transpose(1, 2), dim=-1)
        return self.output(torch.tanh(self.attention(torch.cat([hidden, weights @ states], dim=-1))))

    def loss(
        self, sequence: Tensor, targets: Tensor, trade_off: float, loss: Loss = squared_error, *, decoded: bool = True
    ) -> Tensor:
        """``trade_off`` times the loss of the prediction plus, if it is decoded, the rest times the cross-entropy of the
        reconstruction."""
        states, embedding = self.encode(sequence)
        error = loss(self.predict(embedding)[None], targets, torch.ones(1, len(targets)))[0]
        if not decoded:
            return trade_off * error
        logits = self.decode(sequence, states, embedding)
        return trade_off * error + (1 - trade_off) * functional.cross_entropy(logits.flatten(0, 1), sequence.flatten())


def learn(
    space: Decisions,
    archs: NDArray[np.int64],
    targets: NDArray[np.float64],
    *,
    rng: np.random.Generator,
    hidden: int,
    dropout: float,
    trade_off: float,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    loss: Loss = squared_error,
    unlabelled: NDArray[np.int64] | None = None,
    rounds: int = 0,
    round_epochs: int = 0,
    batch_sizes: tuple[int, int] = (256, 128),
    fewest_steps: int = 0,
    decode_every: int = 1,
    unknown: NDArray[np.int64] | None = None,
) -> Arrays:
    """Weights of a network trained on ``(n, d)`` rows and ``(n,)`` targets.

    Args:
        loss: of the predictions.
        unlabelled: ``(m, d)`` further rows. In each of ``rounds`` rounds the network gives them pseudo-labels and is
            trained on for ``round_epochs`` passes over them, each batch beside as many labelled rows (or all there are)
            of the same weight.
        batch_sizes: rows a step, before the first round and in the rounds.
        fewest_steps: before the first round; few rows are passed over more often.
        decode_every: sequences are decoded in every so manieth step, which is half of the work.
        unknown: ``(d,)`` values that stand for an unknown decision, -1 where a decision is always known. The decisions that may be
            unknown are so in half of the rows of a batch, drawn anew, all of them.
    """
    sequences, size = tokens(space, archs)
    x, t = torch.from_numpy(sequences).to(here()), single(targets)
    steps = itertools.count()
    if unknown is not None:
        may_be = torch.from_numpy(unknown >= 0).to(here())
        blank = torch.from_numpy(tokens(space, np.where(unknown >= 0, unknown, archs[:1]))[0]).to(here())

    def shown(rows: Tensor) -> Tensor:
        if unknown is None:
            return rows
        return torch.where((torch.rand(len(rows), 1) < 0.5) & may_be, blank, rows)

    with private_random_stream(rng):
        network = SequenceNetwork(size, x.shape[1], hidden, dropout)

        def fit(objective: Callable[[Tensor], Tensor], n: int, passes: int, batch_size: int) -> None:
            train(
                network,
                objective,
                n,
                epochs=passes,
                learning_rate=learning_rate,
                weight_decay=weight_decay,
                batch_size=batch_size,
            )

        def first(rows: Tensor) -> Tensor:
            return network.loss(shown(x[rows]), t[rows], trade_off, loss, decoded=next(steps) % decode_every == 0)

        passes = max(epochs, math.ceil(fewest_steps / math.ceil(len(t) / batch_sizes[0])))
        fit(first, len(t), passes, batch_sizes[0])
        if unlabelled is not None:
            more = torch.from_numpy(tokens(space, unlabelled)[0]).to(here())
            for _ in range(rounds):
                with torch.no_grad(), one_thread():
                    pseudo = network.predict(network.encode(more)[1])

                def both(rows: Tensor, pseudo: Tensor = pseudo) -> Tensor:
                    known = torch.randperm(len(t))[: len(rows)]
                    decoded = next(steps) % decode_every == 0
                    losses = (
                        network.loss(shown(x[known]), t[known], trade_off, loss, decoded=decoded),
                        network.loss(more[rows], pseudo[rows], trade_off, loss, decoded=decoded),
                    )
                    return (losses[0] + losses[1]) / 2

                fit(both, len(more), round_epochs, batch_sizes[1])
    return arrays_of(network)


def outputs(space: Decisions, archs: NDArray[np.int64], arrays: Arrays) -> NDArray[np.float64]:
    """``(n,)`` predictions."""
    size, hidden = arrays["output.weight"].shape
    network = with_arrays(lambda: SequenceNetwork(size, len(arrays["position"]), hidden, 0.0), arrays)

    def predict(rows: NDArray[np.int64]) -> Tensor:
        return network.predict(network.encode(torch.from_numpy(tokens(space, rows)[0]))[1])[None]

    return in_chunks(predict, archs)[0]

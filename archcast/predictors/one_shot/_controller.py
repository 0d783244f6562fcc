"""ENAS' regime and its controller."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.errors import InvalidInputError
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Regime, Settings
from archcast.torch_state import seeded

__all__ = ["Controlled", "Controller"]

TEMPERATURE, BOUND, MEMORY = 5.0, 2.5, 0.9
ROUNDS = 20
"""Most rounds of 1,000 draws among which none has a path."""


class Controller(nn.Module):
    """An LSTM over decisions. ``(n, d)`` rows -> ``(n, d)`` log-probabilities of their choices.

    Args:
        cardinalities: choices of each decision.
        hidden: width.
    """

    def __init__(self, cardinalities: tuple[int, ...], hidden: int) -> None:
        super().__init__()
        self.cardinalities = cardinalities
        self.first = nn.Parameter(torch.zeros(hidden))
        self.cell = nn.LSTMCell(hidden, hidden)
        self.embeddings = nn.ModuleList(nn.Embedding(c, hidden) for c in cardinalities)
        self.heads = nn.ModuleList(nn.Linear(hidden, c) for c in cardinalities)

    def forward(
        self, n: int, rows: Tensor | None = None, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rows ``(n, d)``, given or drawn; their log-probabilities ``(n,)``; entropies of the decisions' laws, summed ``(n,)``."""
        told, state = self.first.expand(n, -1), None
        chosen, logs, entropy = [], torch.zeros(n), torch.zeros(n)
        logs, entropy = logs.to(self.first.device), entropy.to(self.first.device)
        for j, (embed, head) in enumerate(zip(self.embeddings, self.heads, strict=True)):
            state = self.cell(told, state)
            law = torch.log_softmax(BOUND * torch.tanh(head(state[0]) / TEMPERATURE), dim=1)
            if rows is None:
                draw = torch.multinomial(law.detach().exp().cpu(), 1, generator=generator)[:, 0].to(law.device)
            else:
                draw = rows[:, j]
            chosen.append(draw)
            logs = logs + law.gather(1, draw[:, None])[:, 0]
            entropy = entropy - (law.exp() * law).sum(dim=1)
            told = embed(draw)
        return torch.stack(chosen, dim=1), logs, entropy


class Controlled(Regime):
    """Paths that a controller draws, and that teach the controller."""

    learns_weights = True
    baseline: Tensor

    def __init__(
        self,
        net: Supernet,
        settings: Settings,
        seed: int,
        hidden: int,
        alpha_rate: float,
        samples: int,
        entropy: float,
    ) -> None:
        super().__init__(net, settings, seed)
        with seeded(seed):
            self.controller = Controller(net.cardinalities, hidden)
        self.alpha_rate, self.samples, self.entropy = alpha_rate, samples, entropy
        self.register_buffer("baseline", torch.zeros(2))

    def start(self) -> None:
        super().start()
        self.optimizers["controller"] = torch.optim.Adam(self.controller.parameters(), lr=self.alpha_rate)

    def draw(self, n: int, generator: torch.Generator) -> tuple[NDArray[np.int64], Tensor, Tensor]:
        """``n`` rows with a path, their log-probabilities and entropies."""
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        turn = 0
        while sum(len(part[0]) for part in parts) < n:
            if turn >= 2 * ROUNDS and not any(len(part[0]) for part in parts):
                raise InvalidInputError(self._none_found())
            drawn = self.controller(4 * n if turn < ROUNDS else 1000, generator=generator)
            turn += 1
            alive = torch.from_numpy(self.net.has_path(drawn[0].cpu().numpy())).to(drawn[0].device)
            parts.append((drawn[0][alive], drawn[1][alive], drawn[2][alive]))
        rows, logs, entropy = (torch.cat([part[k] for part in parts])[:n] for k in range(3))
        return rows.cpu().numpy(), logs, entropy

    def step(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            row = self.draw(1, batch.generator)[0][0]
        value = self.descend(batch, self.loss(self.net(batch.x, row), batch.y))
        self.teach(batch)
        return value

    def teach(self, batch: Batch) -> None:
        """One step of REINFORCE on the controller."""
        rows, logs, entropy = self.draw(self.samples, batch.generator)
        x, y = batch.validation
        rewards = torch.zeros(len(rows))
        with torch.no_grad():
            for number, logits in self.net.paths(x, rows):
                rewards[number] = (logits.argmax(dim=1) == y).float().mean()
        total = rewards.to(logs) + self.entropy * entropy.detach()
        self.baseline = MEMORY * self.baseline + (1 - MEMORY) * torch.stack(
            [total.mean(), torch.ones_like(total.mean())]
        )
        advantage = total - self.baseline[0] / self.baseline[1]
        optimizer = self.optimizers["controller"]
        optimizer.zero_grad()
        (-(advantage * logs).mean() - self.entropy * entropy.mean()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    @torch.no_grad()
    def log_likelihood(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        given = torch.from_numpy(rows).to(self.controller.first.device)
        return np.asarray(self.controller(len(rows), given)[1].double().cpu().numpy())

    @torch.no_grad()
    def final_weights(self) -> Tensor:
        """Shares of the choices among the draws of :meth:`many`, of those that make one; an edge that is seldom taken has small
        shares."""
        rows = self.many()[0]
        made = torch.from_numpy(self.net.choices_of(rows))
        decisions, choices = self.net.mixed_shape
        counts = torch.stack([torch.bincount(part[part >= 0], minlength=choices) for part in made.T])
        assert counts.shape == (decisions, choices)
        return (counts / len(made)).float().to(self.controller.first.device)

    @torch.no_grad()
    def derived(self) -> NDArray[np.int64]:
        """The likeliest draw of :meth:`many`."""
        rows, logs = self.many()
        return np.asarray(rows[int(logs.argmax())])

    @torch.no_grad()
    def many(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Those of 1,000 draws that have a path, and their log-probabilities; of more draws where none has."""
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(ROUNDS):
            drawn, logs, _ = self.controller(1000, generator=generator)
            rows = drawn.cpu().numpy()
            alive = self.net.has_path(rows)
            if alive.any():
                return rows[alive], logs.cpu().numpy()[alive]
        raise InvalidInputError(self._none_found())

    def _none_found(self) -> str:
        return (
            f"ENAS: none of {1000 * ROUNDS:,} rows that the controller drew is a row of space {self.net.space.name!r} with a "
            "path, as each decision may take any choice: take another method."
        )

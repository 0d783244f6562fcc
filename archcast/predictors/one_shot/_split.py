"""Few-shot NAS' regime."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.errors import InvalidInputError
from archcast.predictors.one_shot._paths import SampledPaths
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings
from archcast.supernets.queries import Answers, evaluate
from archcast.supernets.sampling import live_rows

__all__ = ["Split"]


class Split(SampledPaths):
    """One supernet, then one for each choice of one column."""

    def __init__(self, net: Supernet, settings: Settings, seed: int, sampling: str, column: int, shared: float) -> None:
        if column >= len(net.cardinalities):
            raise InvalidInputError(
                f"column is {column}: rows of space {net.space.name!r} have the columns 0 to {len(net.cardinalities) - 1}."
            )
        super().__init__(net, settings, seed, sampling, net.cardinalities[column])
        self.column, self.shared = column, shared
        self.copies = nn.ModuleList(copy.deepcopy(net) for _ in range(net.cardinalities[column]))
        self.register_buffer("split", torch.zeros((), dtype=torch.int64))

    split: Tensor

    def start(self) -> None:
        super().start()
        self.optimizers["weights"].add_param_group({"params": list(self.copies.parameters())})

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        if not int(self.split) and epoch >= self.shared * epochs:
            for part in self.copies:
                part.load_state_dict(self.net.state_dict())
            self.split.fill_(1)

    def rows_of(self, choice: int, rng: np.random.Generator) -> NDArray[np.int64] | None:
        """``(1, d)`` a row with that choice, or ``None`` where no function has it."""
        if self.sampling == "functions":
            among = self.functions[self.functions[:, self.column] == choice]
            return among[rng.integers(len(among), size=1)] if len(among) else None
        for _ in range(1000):
            row = live_rows(self.net, 1, rng)
            row[:, self.column] = choice
            if self.net.has_path(row)[0]:
                return row
        return None

    def step(self, batch: Batch) -> Tensor:
        if not int(self.split):
            return super().step(batch)
        losses = []
        for choice, part in enumerate(self.copies):
            row = self.rows_of(choice, batch.rng)
            if row is not None:
                losses.append(self.loss(part(batch.x, row[0]), batch.y))
        # the copies share nothing, so each follows the gradient of its own loss
        return self.descend(batch, torch.stack(losses).sum()) / len(losses)

    def evaluate(self, rows: NDArray[np.int64], x: Tensor, y: Tensor, **rest: Any) -> Answers:
        if not int(self.split):
            return super().evaluate(rows, x, y, **rest)
        out = np.full((3, len(rows)), np.nan)
        for choice, part in enumerate(self.copies):
            mine = rows[:, self.column] == choice
            if mine.any():
                assert isinstance(part, Supernet)
                answers = evaluate(part, rows[mine], x, y, **rest)
                out[:, mine] = answers.loss, answers.accuracy, answers.divergence
        return Answers(*out)

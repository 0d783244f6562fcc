"""Progressive early stopping: a policy proposes, and after each stage of the training those below average may end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import listed, whole
from archcast.errors import InvalidInputError, short
from archcast.search.base import register
from archcast.search.checks import number
from archcast.search.history import FULL, History
from archcast.search.policy import Averages
from archcast.search.strategies.ppo import PPO
from archcast.spaces.base import SearchSpace

__all__ = ["ProgressiveStopping"]

Row = tuple[int, ...]


@register(
    "progressive-stopping",
    summary="PPO whose trainings end early, by chance, where a stage is below average",
    paper="Nekrasov et al. 2019, https://arxiv.org/abs/1810.10804",
)
class ProgressiveStopping(PPO):
    """Progressive early stopping (Nekrasov et al. 2019, https://arxiv.org/abs/1810.10804) over a policy.

    A training has stages, which end after ``max_epochs`` times each of ``stages`` and after ``max_epochs``. When the score at the
    end of a stage is below the moving mean of the scores that others reached there, the training ends with probability
    ``stop``; else it goes on. ``ppo`` proposes, and learns from every score of every stage, each compared with the moving mean of
    its own stage.

    What differs from the paper: its stages train other parts of a segmentation network (the decoder first, then everything);
    here they are numbers of epochs.

    Args:
        space: search space.
        max_epochs: of a full training.
        stages: shares of ``max_epochs`` after which a training may end, increasing.
        stop: probability that a training below the mean ends.
        learning_rate, steps, clip, entropy, momentum: see ``ppo``.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("progressive-stopping", "nasbench201", max_epochs=20, stop=1.0, random_state=0)
        >>> archs = strategy.ask(3)
        >>> strategy.epochs(archs).tolist()
        [5, 5, 5]
        >>> strategy.tell(archs, [0.5, 0.6, 0.4])
        >>> again = strategy.ask(2)                       # the first two were not below the mean of those before
        >>> bool((again == archs[:2]).all()), strategy.epochs(again).tolist()    # 0: a full training
        (True, [0, 0])
    """

    stops_early = True
    learns = False

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        max_epochs: int = 100,
        stages: tuple[float, ...] = (0.25,),
        stop: float = 0.9,
        **common: Any,
    ) -> None:
        super().__init__(space, **common)
        self.max_epochs = whole("max_epochs", max_epochs, 1)
        self.stages = tuple(listed("stages", stages, "numbers"))
        self._ends = [round(number("stages", share, 0, 1, above=True) * max_epochs) for share in self.stages]
        if [0, *self._ends] != sorted({0, *self._ends}) or (self._ends and self._ends[-1] >= max_epochs):
            raise InvalidInputError(
                f"stages must be shares of max_epochs, {max_epochs}, each of one epoch more at least, got {short(stages)}."
            )
        self.stop = number("stop", stop, 0, 1)
        self._means = [Averages(self.momentum) for _ in range(len(self._ends) + 1)]
        self._going: list[Row] = []

    def _epochs(self, archs: NDArray[np.int64]) -> list[int]:
        return [self._ends[0] if self._ends else FULL] * len(archs)

    def _continue(self, n: int) -> list[tuple[Row, int]]:
        latest = dict(zip(map(tuple, self.history.archs.tolist()), self.history.epochs.tolist(), strict=True))
        waiting = [row for row in self._going if row not in self._pending and latest[row] != FULL]
        return [(row, self._after(latest[row])) for row in waiting[:n]]

    def _after(self, epochs: int) -> int:
        """Epochs of the stage after one of so many."""
        return next((end for end in self._ends if end > epochs), FULL)

    def _learn(self, new: History) -> None:
        told = {tuple(row) for row in new.archs.tolist()}
        self._going = [row for row in self._going if row not in told]
        good = new[new.succeeded]
        first = len(self.history) - len(new)
        numbers = first + np.flatnonzero(new.succeeded)
        advantages = []
        for i, (row, epochs) in enumerate(zip(map(tuple, good.archs.tolist()), good.epochs.tolist(), strict=True)):
            stage = self._ends.index(epochs) if epochs in self._ends else len(self._ends)
            advantages.append(self._means[stage].advantage(float(good.scores[i, 0])))
            ends = advantages[-1] < 0 and np.random.default_rng([self._seed, 1, int(numbers[i])]).random() < self.stop
            if epochs != FULL and not ends:
                self._going.append(row)
        if advantages:
            self._improve(good.archs, np.array(advantages))

    def _state(self) -> dict[str, Any]:
        means = [average.values for average in self._means]
        return {**super()._state(), "going": [list(row) for row in self._going], "means": means}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self._going = [tuple(row) for row in state["going"]]
        for average, values in zip(self._means, state["means"], strict=True):
            average.values = values

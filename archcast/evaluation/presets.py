"""Published protocols by name. A preset fixes what its paper fixes; to change that is another protocol, so it is an error."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PRESETS", "REST", "Preset"]

REST = "rest"
"""Test size: every measured architecture that shares no function with the training set."""


@dataclass(frozen=True)
class Preset:
    """What a protocol fixes; ``None`` is left to the caller.

    With ``budgets`` predictors are compared at every pair of budgets, where the benchmark knows how long trainings take.
    """

    summary: str
    paper: str
    train_sizes: tuple[int, ...] | None = None
    test_size: int | str | None = None
    trials: int | None = None
    budgets: bool = False


PRESETS: dict[str, Preset] = {
    "white2021": Preset(
        "eleven train sizes from 5 to 1,000, test on 200, 100 trials",
        "White et al. 2021, https://arxiv.org/abs/2104.01177",
        (5, 8, 14, 24, 42, 71, 121, 205, 347, 589, 1000),
        200,
        100,
        budgets=True,
    ),
    "tnasp": Preset(
        "train on n, test on the rest of the space",
        "Lu et al. 2021, TNASP, NeurIPS 34",
        test_size=REST,
    ),
    "suite-zero": Preset(
        "train on 400, test on 200",
        "Krishnakumar et al. 2022, https://arxiv.org/abs/2210.03230",
        (400,),
        200,
    ),
}

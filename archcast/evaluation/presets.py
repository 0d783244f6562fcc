"""Published protocols by name. A preset fixes what its paper fixes; to change that is another protocol, so it is an error.

The one exception is a smaller number of trials: it gives a quick look at the protocol, and is labelled as one wherever it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["PRESETS", "REST", "WHOLE", "Preset", "spread_epochs"]

REST = "rest"
"""Test size: every measured architecture that shares no function with the training set."""
WHOLE = "whole"
"""Test size: every measured architecture, those trained on and their twins too, as some papers have it."""


@dataclass(frozen=True)
class Preset:
    """What a protocol fixes; ``None`` is left to the caller.

    Attributes:
        summary: one line.
        paper: reference.
        train_sizes: rows to train on.
        spaces: train sizes for spaces where the paper has others.
        test: how test and train rows are drawn, a name of :data:`archcast.evaluation.splits.TESTS`.
        test_size: rows to test on.
        trials: repetitions.
        budgets: whether predictors are compared at every pair of budgets, where the benchmark knows how long trainings take.
        fidelities: how many numbers of epochs learning curves are looked at, see :func:`spread_epochs`.
        sources: name of a space -> benchmarks of other tasks that predictors which can learn from them are told of.
        differs: what is not as in the paper, one sentence each; printed with the results.
    """

    summary: str
    paper: str
    train_sizes: tuple[int, ...] | None = None
    spaces: dict[str, tuple[int, ...]] = field(default_factory=dict)
    test: str = "random"
    test_size: int | str | None = None
    trials: int | None = None
    budgets: bool = False
    fidelities: int | None = None
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    differs: tuple[str, ...] = ()


def spread_epochs(longest: int, many: int = 15) -> tuple[int, ...]:
    """Epochs after which White et al. 2021 look at learning curves: ``floor(2^x)`` for ``many`` values of x, evenly spaced from
    0.9 to ``log2(longest - 1)``, each number once.

    Examples:
        >>> spread_epochs(200)
        (1, 2, 3, 5, 7, 9, 13, 19, 26, 37, 52, 73, 102, 142, 199)
    """
    if longest < 3:
        return tuple(range(1, longest + 1))
    powers = np.logspace(0.9, np.log(longest - 1) / np.log(2), many, base=2.0)  # rounded as in the paper's code
    return tuple(dict.fromkeys(int(value) for value in powers))


WHITE = Preset(
    "eleven train sizes from 5 to 1,000, test on 200, fifteen numbers of epochs at query, 100 trials",
    "White et al. 2021, https://arxiv.org/abs/2104.01177",
    (5, 8, 14, 24, 42, 71, 121, 205, 347, 589, 1000),
    {"darts": (5, 8, 12, 20, 31, 50, 79, 126, 199, 316, 500)},
    test_size=200,
    trials=100,
    budgets=True,
    fidelities=15,
    differs=(
        "Predictors keep their default hyperparameters; the paper tunes them by cross-validation for up to 15 minutes.",
        "Train and test share no two architectures of the same function; in the paper they share no equal architecture.",
        "Ties at the edge of a top-k set count by expectation; in the paper's code they are left out.",
        "Pearson's correlation keeps its sign; the paper's code takes the absolute value.",
    ),
)

NDS = ("nasnet", "amoeba", "pnas", "enas", "darts")

PRESETS: dict[str, Preset] = {
    "white2021": WHITE,
    "white2021-mutations": Preset(
        "as white2021, but test and train on mutations of the best of ten random architectures, as a search would",
        WHITE.paper,
        WHITE.train_sizes,
        WHITE.spaces,
        "neighbourhood",
        WHITE.test_size,
        WHITE.trials,
        WHITE.budgets,
        WHITE.fidelities,
        differs=WHITE.differs,
    ),
    "tnasp": Preset(
        "train on n, test on the rest of the space",
        "Lu et al. 2021, TNASP, NeurIPS 34",
        test_size=REST,
    ),
    "tnasp-splits": Preset(
        "train on the papers' numbers of labels, rank the whole space",
        "Lu et al. 2021, TNASP, NeurIPS 34; Lu et al. 2023, https://ojs.aaai.org/index.php/AAAI/article/view/26076",
        spaces={"nasbench201": (78, 156, 469, 781, 1563), "nasbench101": (100, 172, 424, 4236)},
        test_size=WHOLE,
        differs=(
            "The training architectures are a random sample of each trial; the papers have one fixed sample of each size.",
            "One metric is trained and tested on; the papers train on validation and test on test accuracies.",
            "The whole space holds the training architectures and their twins, in the papers as here.",
        ),
    ),
    "nds-transfer": Preset(
        "learn from the other families of NDS first, then from 16 networks (DARTS 100), test on the rest",
        "Akhauri & Abdelfattah 2024, https://arxiv.org/abs/2403.02484",
        spaces={f"nds-{family}": (100 if family == "darts" else 16,) for family in NDS},
        test_size=REST,
        sources={f"nds-{family}": tuple(f"nds/{other}" for other in NDS if other != family) for family in NDS},
        differs=(
            "The sources are all other families; the paper chooses the source of each target.",
            "Train and test share no two networks of the same function.",
            "Only predictors that learn from other spaces hear all sources; one of the same space hears those that lie in it.",
        ),
    ),
    "suite-zero": Preset(
        "train on 400, test on 200",
        "Krishnakumar et al. 2022, https://arxiv.org/abs/2210.03230",
        (400,),
        test_size=200,
    ),
}

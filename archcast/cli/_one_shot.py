"""One-shot predictors on the command line: the network of a data set, and scores of architectures as a column of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archcast.predictors.one_shot._predictor import OneShotPredictor
    from archcast.spaces import SearchSpace, Task

__all__ = ["COLUMN", "check_options", "load", "shared_scores", "task_of"]

COLUMN = "one_shot"
"""Name of the scores in a file of proxies."""
DATASET = "digits"


def task_of(dataset: str, space: SearchSpace, sizes: Mapping[str, int | None]) -> Task | None:
    """The task of the sizes that were given, the others as they suit the data set; ``None`` where none was given."""
    from archcast.spaces.task import Task
    from archcast.training import settings_for

    if all(value is None for value in sizes.values()):
        return None
    usual = settings_for(dataset, space)
    found = {name: usual[name] if value is None else value for name, value in sizes.items()}
    return Task(size={name: value for name, value in found.items() if value is not None})


def load(path: Path) -> OneShotPredictor:
    """A predictor that ``archcast oneshot train`` wrote.

    Raises:
        InvalidInputError: the file holds another predictor.
    """
    from archcast.errors import InvalidInputError
    from archcast.predictors.base import Predictor
    from archcast.predictors.one_shot._predictor import OneShotPredictor

    predictor = Predictor.load(path)
    if not isinstance(predictor, OneShotPredictor):
        raise InvalidInputError(f"{str(path)!r} holds a {type(predictor).__name__}, which is no one-shot predictor.")
    return predictor


def shared_scores(
    space: SearchSpace,
    rows: NDArray[np.int64],
    supernet: Path | None,
    data: str,
    sizes: Mapping[str, int | None],
    seed: int,
    device: str | None,
    out: Path | None,
) -> dict[str, float]:
    """Notation of the canonical row -> score by inherited weights, of all rows.

    Args:
        space: of the rows.
        rows: ``(n, d)``.
        supernet: file that ``archcast oneshot train`` wrote; ``None`` trains the predictor ``one-shot``.
        data: what is trained on; noise stands for ``digits``.
        sizes: of the networks.
        seed: of the training.
        device: of the training.
        out: file of the scores; the supernet is kept beside it, epoch by epoch.

    Raises:
        InvalidInputError: a file of another space, or a space without a supernet.
    """
    import numpy as np

    from archcast.cli._progress import progress_bar, stoppable
    from archcast.errors import InvalidInputError
    from archcast.names import get_predictor
    from archcast.predictors.one_shot._predictor import watched
    from archcast.spaces import get_space

    if supernet is not None:
        predictor: Any = load(supernet)
        if get_space(predictor.space) != space:
            raise InvalidInputError(
                f"--supernet {str(supernet)!r} is of space {get_space(predictor.space).name!r}, not of {space.name!r}."
            )
    else:
        dataset = DATASET if data == "noise" else data
        predictor = get_predictor(
            "one-shot",
            space,
            dataset=dataset,
            task=task_of(dataset, space, sizes),
            checkpoint=None if out is None else str(out.with_name(out.name + ".supernet.safetensors")),
            device=device or "cpu",
            random_state=seed,
        )
        kept = "" if out is None else f"finished epochs are kept beside {out}; the same command continues."
        with stoppable(lambda: kept), progress_bar("epochs of the supernet") as bar, watched(bar.update):
            predictor.init()
    functions = np.unique(space.canonical(rows), axis=0)
    scores = predictor.query(functions).mean.tolist()
    return dict(zip(space.format(functions), scores, strict=True))


def check_options(space: str | None, *, one_shot: bool, supernet: Path | None) -> bool:
    """Whether scores by inherited weights are wanted.

    Raises:
        DataNotFoundError: there is no such file.
    """
    from archcast.errors import DataNotFoundError

    if not one_shot and supernet is None:
        return False
    if space is None:
        raise typer.BadParameter("--one-shot and --supernet score architectures of a space: they need --space.")
    if supernet is not None and not supernet.is_file():
        raise DataNotFoundError(f"--supernet: no file {str(supernet)!r}. Make one: archcast oneshot train {supernet}")
    return True

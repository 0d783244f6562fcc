"""Which networks ``archcast score`` scores: targets, or architectures of a space, each function of them once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from archcast.cli._score_options import positive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archcast.cli._targets import Target
    from archcast.spaces import SearchSpace

__all__ = ["Group", "groups_of", "read_architectures"]

Group = tuple["Target", list[str]]
"""A network, and the names that share its scores."""


def groups_of(
    targets: list[str] | None, space: str | None, sample: int | None, archs: Path | None, all_: bool, seed: int
) -> tuple[Iterator[Group], int, list[str], str]:
    """Targets with the names that share their scores, how many names, what is wrong with others, and the column's
    name.
    """
    from archcast.cli._targets import buildable, target_of
    from archcast.errors import InvalidInputError

    if space is None:
        if sample is not None or archs is not None or all_:
            raise typer.BadParameter("--sample, --archs and --all need --space.")
        if not targets:
            raise typer.BadParameter("Give a target, e.g. torchvision:resnet18, or --space. See archcast score --help.")
        found, wrong = [], []
        for text in dict.fromkeys(targets):
            try:
                found.append(target_of(text))
            except InvalidInputError as error:
                wrong.append(str(error))
        return iter([(target, [target.name]) for target in found]), len(found), wrong, "target"
    if targets:
        raise typer.BadParameter(f"Give targets ({targets[0]!r}) or --space, not both.")
    if (sample is not None) + (archs is not None) + all_ != 1:
        raise typer.BadParameter("--space needs one of --sample N, --archs FILE and --all.")
    groups, count, wrong = _architectures(buildable(space), sample, archs, seed)
    return groups, count, wrong, "arch"


def _architectures(
    space: SearchSpace, sample: int | None, archs: Path | None, seed: int
) -> tuple[Iterator[Group], int, list[str]]:
    """Architectures of a space, how many, and what is wrong with others; those that are the same function are scored
    once.
    """
    import numpy as np

    from archcast.cli._targets import Target

    wrong: list[str] = []
    if sample is not None:
        rows = space.sample(positive("--sample", sample) or 0, seed)
    elif archs is not None:
        rows, wrong = _parse(space, read_architectures(archs))
    else:
        rows = space.enumerate()
    rows = rows[np.sort(np.unique(rows, axis=0, return_index=True)[1])]
    _, first, twin = np.unique(space.canonical(rows), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(twin.ravel(), kind="stable")
    members = np.split(order, np.cumsum(np.bincount(twin.ravel()))[:-1])

    def groups() -> Iterator[Group]:
        for k in np.argsort(first, kind="stable"):
            names = space.format(rows[members[k]])
            # All of them get the scores of one network, so it is the one without dead parts.
            yield Target(names[0], space.name, space.format(space.canonical(rows[first[k]]))[0]), names

    return groups(), len(rows), wrong


def _parse(space: SearchSpace, texts: list[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Rows of the texts that name an architecture, and what is wrong with the others."""
    from archcast.errors import InvalidInputError

    good, wrong, first = [], [], None
    for text in texts:
        try:
            space.parse(text)
            good.append(text)
        except InvalidInputError as error:
            first = first or error
            wrong.append(str(error))
    if first is not None and not good:
        raise first
    return space.parse(good), wrong


def read_architectures(path: Path) -> list[str]:
    """Notations from a text file, one a line, or from the column ``arch`` of a CSV file.

    Raises:
        DataNotFoundError: there is no such file.
        InvalidFileError: it cannot be read, or names none.
    """
    from archcast.data.tables import read_texts
    from archcast.errors import DataNotFoundError, InvalidFileError
    from archcast.files import text_of

    if not path.is_file():
        raise DataNotFoundError(f"--archs: no file {str(path)!r}.")
    if path.suffix in (".csv", ".gz"):
        return read_texts(path, "arch")
    texts = [line.strip() for line in text_of(path.read_bytes(), path).splitlines() if line.strip()]
    if not texts:
        raise InvalidFileError(f"{str(path)!r} names no architecture.")
    return texts

"""What language models are built for: the next of so many tokens, at every place of a sequence."""

from __future__ import annotations

from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace, Task

__all__ = ["language_task"]


def language_task(space: SearchSpace, task: Task | str | None) -> tuple[Task, int, int]:
    """The task, its vocabulary and the length of its sequences.

    Raises:
        InvalidInputError: the task has a size that the space does not have, or is no language model.
    """
    task = space.task_of(task)
    space.size_of(task)
    tokens = task.vocabularies[0]
    steps = task.shapes[0][0] if len(task.shapes[0]) == 1 else 0
    if len(task.shapes) != 1 or tokens is None or task.outputs != (tokens, steps):
        raise InvalidInputError(
            f"Networks of space {space.name!r} predict the next token: task.shape must be (steps,) of int64 and task.outputs "
            f"(vocabulary, steps); got shape {task.shape!r}, outputs {task.outputs!r}, vocabulary {task.vocabulary!r}."
        )
    return task, tokens, steps

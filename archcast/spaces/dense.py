"""Tasks of dense prediction: a class for every pixel of an image."""

from __future__ import annotations

from typing import Any

from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace, Task

__all__ = ["dense_sizes"]


def dense_sizes(space: SearchSpace, task: Task) -> dict[str, Any]:
    """What a classifier of pixels is built from: ``channels`` and ``outputs`` of the task, and the sizes of the space.

    A task with a height and a width in its outputs, ``(classes, height, width)``, wants logits of every pixel; one with classes
    alone wants their mean over the image.

    Examples:
        >>> import archcast
        >>> dense_sizes(archcast.get_space("dpc"), Task((3, 64, 64), outputs=(19, 64, 64), width=8))
        {'channels': 3, 'outputs': (19, 64, 64), 'width': 8, 'backbone': 320}

    Raises:
        InvalidInputError: the task is none of the two, or has a size that networks of the space do not have.
    """
    if len(task.outputs) != 3:
        sizes: dict[str, Any] = space.image_sizes(task)
        sizes["outputs"] = (sizes.pop("classes"),)
        return sizes
    if len(task.shapes[0]) != 3 or task.dtypes != ("float32",) or task.loss != "cross_entropy":
        raise InvalidInputError(
            f"Networks of space {space.name!r} classify the pixels of images: task.shape must be (channels, height, width) of "
            f"float32 with the loss cross_entropy; got shape {task.shape!r}, loss {task.loss!r}."
        )
    return {"channels": task.shapes[0][0], "outputs": task.outputs, **space.size_of(task)}

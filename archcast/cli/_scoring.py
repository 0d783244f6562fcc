"""Scoring one target, in this process or in a worker: everything that goes in and comes out can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from archcast.cli._batches import Arrays, Data, read_data
from archcast.cli._inputs import Inputs, advised
from archcast.cli._labels import LOSSES, labels_for
from archcast.cli._targets import Settings, Target
from archcast.errors import USER_ERRORS, ArchcastError, InvalidInputError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Job", "Outcome", "run"]


@dataclass(frozen=True)
class Job:
    """How targets are scored.

    Attributes:
        settings: how they are built.
        proxies: names.
        data: what ``--data`` says.
        batch_size: samples; ``None`` for 32, or 16 for images of more than 64 pixels a side.
        device: where to compute; ``None`` for the CPU.
        memory_format: how images lie in memory: ``"auto"``, ``"contiguous"`` or ``"channels_last"``.
        options: proxy -> its parameters.
        threads: torch threads of a worker; ``None`` leaves them alone.
        inputs: what ``--input`` says; ``None`` for one image of the shape that suits the target.
        loss: a word of :data:`archcast.cli._labels.LOSSES`.
        ignore_index: label that does not count.
        batch_dim: axis of the samples.
    """

    settings: Settings
    proxies: tuple[str, ...]
    data: str = "noise"
    batch_size: int | None = None
    device: str | None = None
    memory_format: str = "auto"
    options: Mapping[str, Mapping[str, float]] | None = None
    threads: int | None = None
    inputs: Inputs | None = None
    loss: str = "auto"
    ignore_index: int = -100
    batch_dim: int | str = "auto"


@dataclass
class Outcome:
    """What became of a target.

    Attributes:
        name: of the target.
        scores: proxy -> score.
        failures: proxy -> why there is none.
        seconds: to build and score it.
        error: why it could not be scored at all.
    """

    name: str
    scores: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    error: str | None = None


def run(target: Target, job: Job) -> Outcome:
    """Build a target, feed it and score it; an error is part of the outcome."""
    import time

    import torch

    from archcast.proxies.engine import score

    if not job.proxies:
        return Outcome(target.name)
    if job.threads is not None and torch.get_num_threads() != job.threads:
        torch.set_num_threads(job.threads)
    start = time.perf_counter()
    outcome = Outcome(target.name)
    try:
        model, image = target.build(job.settings)
        inputs, labels = _batch(target, job, model, image)
        scores = score(
            model,
            inputs,
            labels,
            proxies=list(job.proxies),
            seed=job.settings.seed,
            device=job.device,
            memory_format=job.memory_format,
            options=job.options,
            ignore_index=job.ignore_index,
            batch_dim=job.batch_dim,
        )
        outcome.scores, outcome.failures = dict(scores), scores.failures
    except USER_ERRORS as error:  # one target that fails does not end the others
        text = " ".join(str(error).split())[:300]
        if not isinstance(error, ArchcastError):
            text = f"{type(error).__name__}: {text}"
        if "failed on inputs of shape" in text and job.inputs is None and job.data == "noise":
            text = f"{text.rstrip('.')}. Give others by --input, as in --input 3x224x224."
        outcome.error = advised(text if text.startswith(target.label) else f"{target.label}: {text}")
    outcome.seconds = time.perf_counter() - start
    return outcome


def _batch(target: Target, job: Job, model: nn.Module, image: tuple[int, ...]) -> tuple[Any, Tensor | None]:
    """What the model is fed, and its targets: those of ``--data``, or drawn to suit what it returns."""
    import torch

    from archcast.proxies.engine import computes_loss, output_shape, sample_axis

    size, seed, given = job.batch_size or (32 if max(image) <= 64 else 16), job.settings.seed, job.inputs
    if not target.takes_images and given is None:
        task, generator = target.task(job.settings), torch.Generator().manual_seed(seed)
        return task.noise(job.batch_size or 2, generator)  # outputs may be a large vocabulary at each place
    data = _data(job.data, image if given is None or given.shape is not None else ())
    axis = job.batch_dim if isinstance(job.batch_dim, int) else 0
    labels: Tensor | None
    if isinstance(data, Arrays):
        names = [] if given is None else [part.name for part in given.parts if part.name]
        if given is not None and given.maker:
            raise InvalidInputError(f"--input {given.maker} makes the inputs: leave --data {job.data} out.")
        inputs, labels = data.batch(job.batch_size, size, seed, names, axis)
        if job.batch_dim == "auto" and sample_axis(model, inputs) == 1:
            inputs, labels = data.batch(job.batch_size, size, seed, names, 1)
        if labels is not None:
            return inputs, labels.float() if LOSSES[job.loss] else labels
    elif given is not None and (given.shape is None or len(given.shape) != 3 or axis):
        if job.data != "noise":
            raise InvalidInputError(f"--data {job.data} holds images, but --input says that the model takes others.")
        inputs = given.batch(size, seed, axis)
        if job.batch_dim == "auto" and given.parts and sample_axis(model, inputs) == 1:
            inputs = given.batch(
                size, seed, 1
            )  # a sample has the shape that was said, wherever the layers look for samples
    else:
        probe = torch.randn(2, *image, generator=torch.Generator().manual_seed(seed))
        shape = output_shape(model, probe)
        outputs = shape[1] if len(shape) > 1 else 1
        inputs, labels = data.batch(image, size, outputs, seed)
        if not LOSSES[job.loss] and (len(shape) < 3 or job.data != "noise"):
            return inputs, labels
        if LOSSES[job.loss] or len(shape) > 2:
            return inputs, labels_for((size, *shape[1:]), inputs, job.loss, seed)
    if computes_loss(model, inputs, batch_dim=job.batch_dim):
        return inputs, None
    return inputs, labels_for(output_shape(model, inputs, batch_dim=job.batch_dim), inputs, job.loss, seed)


@lru_cache(maxsize=4)
def _data(text: str, image: tuple[int, ...]) -> Data | Arrays:
    return read_data(text, image)

"""Train one architecture for real and record how it went."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from archcast.data.files import write_whole
from archcast.errors import InvalidInputError
from archcast.proxies.engine import score
from archcast.spaces.base import SearchSpace, Task, get_space
from archcast.training.datasets import Dataset, Split, load_dataset
from archcast.training.recipe import Recipe

__all__ = ["CURVES", "Run", "Trainer"]

CURVES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
EVALUATION_BATCH = 500


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        arch: ``(d,)`` the row.
        seed: of initial weights, order of images and augmentation.
        curves: name -> ``(epochs,)``: ``train_loss`` and ``train_accuracy`` of the batches as they were trained on, ``val_loss``
            and ``val_accuracy`` of the averaged weights after each epoch; NaN after a divergence. Accuracies are shares, 0 to 1.
        test_accuracy, test_loss: of the averaged weights at the end; NaN after a divergence.
        seconds: of processor time on a CPU, of wall time on an accelerator, evaluation included.
        params: number of parameters.
        flops: multiply-accumulates of one image; NaN where nothing multiplies.
        failure: why it ended early, or ``None``.
    """

    arch: tuple[int, ...]
    seed: int
    curves: dict[str, list[float]]
    test_accuracy: float
    test_loss: float
    seconds: float
    params: int
    flops: float
    failure: str | None = None


@dataclass(frozen=True, eq=False)
class Trainer:
    """Trains architectures of one space on one data set; call it as the objective of a search.

    Args:
        space: a space, or its name, whose architectures can be built.
        dataset: a data set, or what :func:`~archcast.training.load_dataset` takes.
        recipe: how to train.
        width, depth: of the networks; ``None`` takes the paper's.
        seed: of the runs that a call makes.
        device: ``cpu``, ``cuda``, ``cuda:1``.
        mixed_precision: bfloat16 where autocast allows it; accelerators only.
        weights: folder for the averaged weights of each finished training (:meth:`weights_file`), or ``None``.

    Equal seeds give equal runs on one machine. Weights are channels_last. No global state is changed: the random state of torch
    is what it was, and threads are the caller's choice.

    Examples:
        >>> from archcast.training import Recipe, Trainer
        >>> trainer = Trainer("nasbench201", "digits", Recipe(epochs=1, batch_size=200), width=4, depth=1)
        >>> run = trainer.train([1, 3, 0, 0, 0, 1], seed=0)
        >>> len(run.curves["val_accuracy"]), run.failure
        (1, None)
        >>> accuracy, curves = trainer([1, 3, 0, 0, 0, 1])

    Raises:
        InvalidInputError: a space without networks, an unknown data set, fewer images than a batch.
    """

    space: SearchSpace
    dataset: Dataset
    recipe: Recipe = field(default_factory=Recipe)
    width: int | None = None
    depth: int | None = None
    seed: int = 0
    device: str = "cpu"
    mixed_precision: bool = False
    weights: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", get_space(self.space))
        if type(self.space).build is SearchSpace.build:
            raise InvalidInputError(
                f"Space {self.space.name!r} describes architectures only: it cannot build networks."
            )
        if not isinstance(self.dataset, Dataset):
            object.__setattr__(self, "dataset", load_dataset(self.dataset))
        images = len(self.dataset.train[0])
        if images < self.recipe.batch_size:
            raise InvalidInputError(
                f"batch_size {self.recipe.batch_size} is more than the {images} training images of {self.dataset.name!r}."
            )
        try:
            device = torch.device(self.device)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise InvalidInputError(f"device {self.device!r} cannot be used: {reason}") from error
        if self.mixed_precision and device.type == "cpu":
            raise InvalidInputError("mixed_precision is for accelerators; leave it out with device 'cpu'.")
        object.__setattr__(self, "dataset", self.dataset.to(self.device))

    def __call__(self, arch: Any) -> tuple[float, dict[str, list[float]]]:
        """Validation accuracy after the last epoch, and the learning curves.

        Raises:
            FloatingPointError: the training diverged.
        """
        run = self.train(arch, self.seed)
        if run.failure is not None:
            raise FloatingPointError(run.failure)
        return run.curves["val_accuracy"][-1], run.curves

    def weights_file(self, arch: Any, seed: int = 0) -> Path:
        """Where the weights of a training are, as safetensors: ``weights/1-3-0-0-2-1_s0.safetensors``.

        Raises:
            InvalidInputError: the trainer keeps none.
        """
        if self.weights is None:
            raise InvalidInputError("This trainer keeps no weights: give it weights=folder.")
        row = self.space.validate(np.asarray(arch)[None])[0]
        return Path(self.weights) / f"{'-'.join(map(str, row.tolist()))}_s{seed}.safetensors"

    def train(self, arch: Any, seed: int = 0) -> Run:
        """Train one architecture once.

        Args:
            arch: ``(d,)`` row.
            seed: equal seeds see the same images in the same order, whatever the architecture.
        """
        row = self.space.validate(np.asarray(arch)[None])[0]
        device = torch.device(self.device)
        with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device], device_type=_accelerator(device)):
            torch.manual_seed(seed)
            return self._train(row, seed)

    def _train(self, row: NDArray[np.int64], seed: int) -> Run:
        recipe, data = self.recipe, self.dataset
        task = Task(data.shape, data.classes, self.width, self.depth)
        network = self.space.build(row, task).to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = copy.deepcopy(network) if recipe.averaging else network
        pairs = _averaged_pairs(average, network)
        optimizer = torch.optim.SGD(
            network.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.momentum > 0,
            fused=True,
        )
        generator = torch.Generator().manual_seed(seed)
        images, labels = data.train
        batches = len(images) // recipe.batch_size
        curves: dict[str, list[float]] = {name: [] for name in CURVES}
        failure = None
        start = self._clock()
        for epoch in range(recipe.epochs):
            changed = data.augmentation(images, generator)
            order = torch.randperm(len(images), generator=generator).to(images.device)
            losses, right = torch.zeros((), device=images.device), torch.zeros((), device=images.device)
            for batch in range(batches):
                step = epoch * batches + batch
                rows = order[batch * recipe.batch_size : (batch + 1) * recipe.batch_size]
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate(step, recipe.epochs * batches)
                with self._autocast():
                    outputs = network(changed[rows])
                loss = F.cross_entropy(outputs.float(), labels[rows])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses += loss.detach()
                right += (outputs.argmax(dim=1) == labels[rows]).sum()
                if recipe.averaging:
                    weight = max(1 - recipe.averaging, 2 / (step + 2))
                    with torch.no_grad():
                        torch._foreach_lerp_(*pairs, weight)
            train_loss = float(losses) / batches
            if not np.isfinite(train_loss):
                failure = f"training loss {train_loss} in epoch {epoch + 1}"
                break
            val_loss, val_accuracy = self._evaluate(average, data.validation)
            values = (train_loss, float(right) / (batches * recipe.batch_size), val_loss, val_accuracy)
            for name, value in zip(CURVES, values):
                curves[name].append(value)
        test_loss, test_accuracy = (np.nan, np.nan) if failure else self._evaluate(average, data.test)
        seconds = self._clock() - start
        for curve in curves.values():
            curve += [np.nan] * (recipe.epochs - len(curve))
        if self.weights is not None and failure is None:
            path = self.weights_file(row, seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, save({name: t.contiguous() for name, t in average.state_dict().items()}))
        size = score(network, images[:1], proxies=["params", "flops"])
        return Run(
            arch=tuple(row.tolist()),
            seed=seed,
            curves=curves,
            test_accuracy=test_accuracy,
            test_loss=test_loss,
            seconds=seconds,
            params=int(size["params"]),
            flops=size.get("flops", np.nan),
            failure=failure,
        )

    def _autocast(self) -> torch.autocast:
        kind = torch.device(self.device).type
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=self.mixed_precision)

    def _clock(self) -> float:
        if torch.device(self.device).type == "cpu":
            return time.process_time()
        torch.accelerator.synchronize(self.device)
        return time.perf_counter()

    @torch.no_grad()
    def _evaluate(self, network: nn.Module, split: Split) -> tuple[float, float]:
        """Mean loss and accuracy."""
        images, labels = split
        network.eval()
        loss, right = 0.0, 0
        for x, y in zip(torch.split(images, EVALUATION_BATCH), torch.split(labels, EVALUATION_BATCH)):
            with self._autocast():
                outputs: Tensor = network(x).float()
            loss += float(F.cross_entropy(outputs, y, reduction="sum"))
            right += int((outputs.argmax(dim=1) == y).sum())
        network.train()
        return loss / len(labels), right / len(labels)


def _accelerator(device: torch.device) -> str:
    """The kind of accelerator whose random state is kept; on a CPU there is none to keep, and any name will do."""
    return "cuda" if device.type == "cpu" else device.type


def _averaged_pairs(average: nn.Module, network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters and floating-point buffers of both, in the same order."""
    lists = []
    for module in (average, network):
        tensors: list[Tensor] = [*module.parameters(), *module.buffers()]
        lists.append([tensor.detach() for tensor in tensors if tensor.is_floating_point()])
    return lists[0], lists[1]

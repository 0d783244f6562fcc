"""Train one architecture for real and record how it went."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from archcast.checks import LARGEST_SEED, instance, listed, path_of, switch, whole
from archcast.errors import InvalidInputError, short
from archcast.files import write_whole
from archcast.proxies.engine import score
from archcast.spaces.base import SearchSpace, Task, get_space
from archcast.torch_state import seeded, usable_device
from archcast.training.datasets import Dataset, Split, load_dataset
from archcast.training.recipe import Recipe
from archcast.training.together import side_by_side, weights_of

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
        width, depth, stages: of the networks, where the space has such a size; ``None`` takes the paper's.
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
        InvalidInputError: a space without networks, a size that its networks do not have, an unknown data set, fewer images
            than a batch.
    """

    space: SearchSpace
    dataset: Dataset
    recipe: Recipe = field(default_factory=Recipe)
    width: int | None = None
    depth: int | None = None
    stages: int | None = None
    seed: int = 0
    device: str = "cpu"
    mixed_precision: bool = False
    weights: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", get_space(self.space))
        instance("recipe", self.recipe, Recipe, "an archcast.training.Recipe")
        whole("seed", self.seed, 0, LARGEST_SEED)
        switch("mixed_precision", self.mixed_precision)
        if self.weights is not None:
            path_of("weights", self.weights)
        if not isinstance(self.device, str):
            raise InvalidInputError(f"device must be a text such as 'cpu' or 'cuda:1', got {short(self.device)}.")
        if type(self.space).build is SearchSpace.build:
            raise InvalidInputError(
                f"Space {self.space.name!r} describes architectures only: it cannot build networks."
            )
        self.space.size_of(Task(width=self.width, depth=self.depth, stages=self.stages))
        if not isinstance(self.dataset, Dataset):
            object.__setattr__(self, "dataset", load_dataset(self.dataset))
        images = len(self.dataset.train[0])
        if images < self.recipe.batch_size:
            raise InvalidInputError(
                f"batch_size {self.recipe.batch_size} is more than the {images} training images of {self.dataset.name!r}."
            )
        usable_device(self.device, self.mixed_precision)
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
        row = self.space.validate(arch, allow_empty=False, name="arch")[0]
        return Path(self.weights) / f"{'-'.join(map(str, row.tolist()))}_s{seed}.safetensors"

    def train(self, arch: Any, seed: int = 0) -> Run:
        """Train one architecture once.

        Args:
            arch: ``(d,)`` row.
            seed: equal seeds see the same images in the same order, whatever the architecture.
        """
        return self.train_seeds(arch, (seed,))[0]

    def train_seeds(self, arch: Any, seeds: Sequence[int]) -> list[Run]:
        """Train one architecture once for each seed, on a CPU all at once where the network allows it.

        Together (:func:`~archcast.training.together.side_by_side`) small networks train up to twice as fast. Each sees what it
        would see alone; figures differ by the rounding of sums in another order, which a training may amplify.

        Args:
            arch: ``(d,)`` row.
            seeds: different whole numbers.

        Returns:
            A run for each seed; seconds are equal shares of the time that all took.
        """
        row = self.space.validate(arch, allow_empty=False, name="arch")[0]
        seeds = [whole("each of seeds", seed, 0, LARGEST_SEED) for seed in listed("seeds", seeds, "whole numbers")]
        device = torch.device(self.device)
        if len(seeds) > 1 and device.type == "cpu":
            with seeded(seeds[0]):
                networks = [self._network(row, seed) for seed in seeds]
                joint = side_by_side(networks, self.dataset.train[0][:2])
                if joint is not None:
                    return self._train(row, joint, networks[0], seeds)
        runs = []
        for seed in seeds:
            with seeded(seed, device):
                network = self._network(row, seed)
                runs += self._train(row, network, network, (seed,))
        return runs

    def _network(self, row: NDArray[np.int64], seed: int) -> nn.Module:
        torch.default_generator.manual_seed(seed)
        task = Task(self.dataset.shape, self.dataset.classes, self.width, self.depth, self.stages)
        return self.space.build(row, task).to(self.device)

    def _train(self, row: NDArray[np.int64], network: nn.Module, single: nn.Module, seeds: Sequence[int]) -> list[Run]:
        """Train ``network``, which is one network for each seed side by side; ``single`` is any of them."""
        recipe, data, count = self.recipe, self.dataset, len(seeds)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
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
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        size, batches = recipe.batch_size, len(data.train[0]) // recipe.batch_size
        curves = np.full((count, len(CURVES), recipe.epochs), np.nan)
        failures: list[str | None] = [None] * count
        start = self._clock()
        for epoch in range(recipe.epochs):
            images, labels = _shuffled(data, generators)
            losses, right = torch.zeros((2, count), device=images.device)
            for batch in range(batches):
                step = epoch * batches + batch
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate(step, recipe.epochs * batches)
                x, y = images[batch * size : (batch + 1) * size], labels[:, batch * size : (batch + 1) * size]
                loss, hits = self._compare(network, x, y)
                optimizer.zero_grad()
                loss.sum().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses += loss.detach()
                right += hits
                if recipe.averaging:
                    weight = max(1 - recipe.averaging, 2 / (step + 2))
                    with torch.no_grad():
                        torch._foreach_lerp_(*pairs, weight)
            values = losses / batches, right / (batches * size), *self._evaluate(average, data.validation, count)
            curves[:, :, epoch] = torch.stack(values, dim=1).cpu().numpy()
            for number in range(count):
                if failures[number] is None and not np.isfinite(curves[number, 0, epoch]):
                    failures[number] = f"training loss {curves[number, 0, epoch]} in epoch {epoch + 1}"
                if failures[number] is not None:
                    curves[number, :, epoch] = np.nan
            if None not in failures:
                break
        test_loss, test_accuracy = (value.tolist() for value in self._evaluate(average, data.test, count))
        seconds = (self._clock() - start) / count
        sizes = score(single, data.train[0][:2], proxies=["params", "flops"])
        runs = []
        for number, (seed, failure) in enumerate(zip(seeds, failures)):
            if self.weights is not None and failure is None:
                path = self.weights_file(row, seed)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, save(weights_of(average, number, count)))
            run = Run(
                arch=tuple(row.tolist()),
                seed=seed,
                curves={name: curves[number, k].tolist() for k, name in enumerate(CURVES)},
                test_accuracy=np.nan if failure else test_accuracy[number],
                test_loss=np.nan if failure else test_loss[number],
                seconds=seconds,
                params=int(sizes["params"]),
                flops=sizes.get("flops", np.nan),
                failure=failure,
            )
            runs.append(run)
        return runs

    def _compare(self, network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss ``(k,)`` and number of right answers ``(k,)`` of networks side by side, with labels ``(k, b)``."""
        with self._autocast():
            outputs: Tensor = network(images)
        logits = outputs.float().view(len(images), len(labels), -1).transpose(0, 1)
        loss = F.cross_entropy(logits.reshape(labels.numel(), -1), labels.reshape(-1), reduction="none")
        return loss.view(labels.shape).mean(dim=1), (logits.argmax(dim=2) == labels).sum(dim=1)

    def _autocast(self) -> torch.autocast:
        kind = torch.device(self.device).type
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=self.mixed_precision)

    def _clock(self) -> float:
        if torch.device(self.device).type == "cpu":
            return time.process_time()
        torch.accelerator.synchronize(self.device)
        return time.perf_counter()

    @torch.no_grad()
    def _evaluate(self, network: nn.Module, split: Split, count: int) -> tuple[Tensor, Tensor]:
        """Mean loss ``(k,)`` and accuracy ``(k,)`` of networks side by side."""
        images, labels = split
        network.eval()
        loss, right = torch.zeros((2, count), device=images.device)
        for x, y in zip(torch.split(images, EVALUATION_BATCH), torch.split(labels, EVALUATION_BATCH)):
            mean, hits = self._compare(network, x.repeat(1, count, 1, 1), y.expand(count, -1))
            loss += len(y) * mean
            right += hits
        network.train()
        return loss / len(labels), right / len(labels)


def _shuffled(data: Dataset, generators: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
    """Training images ``(n, k * c, h, w)`` and labels ``(k, n)`` of an epoch: changed and in an order of each generator's own."""
    images, labels = data.train
    changed, orders = [], []
    for generator in generators:
        new = data.augmentation(images, generator)
        orders.append(torch.randperm(len(images), generator=generator).to(images.device))
        changed.append(new[orders[-1]])
    return torch.cat(changed, dim=1), labels[torch.stack(orders)]


def _averaged_pairs(average: nn.Module, network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters and floating-point buffers of both, in the same order."""
    lists = []
    for module in (average, network):
        tensors: list[Tensor] = [*module.parameters(), *module.buffers()]
        lists.append([tensor.detach() for tensor in tensors if tensor.is_floating_point()])
    return lists[0], lists[1]

"""The loop that trains shared weights, and the contract of a regime: a distribution over rows plus an update.

Random numbers of an epoch come from the seed and the number of the epoch alone, so a training that is continued from a
checkpoint ends as one that was never interrupted.
"""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from archcast.checks import path_of, real, switch, whole
from archcast.errors import DivergedError, InvalidFileError, InvalidInputError, short
from archcast.files import write_whole
from archcast.journal import fingerprint
from archcast.supernets.base import Supernet
from archcast.supernets.diary import Diary
from archcast.supernets.queries import Answers, evaluate
from archcast.torch_state import seeded
from archcast.training.datasets import Dataset

__all__ = ["Batch", "Regime", "Settings", "train"]


COMPARED = 100
"""Images of which a checkpoint keeps a fingerprint, the first ones of a set."""


@dataclass(frozen=True)
class Settings:
    """How shared weights are trained: SGD with Nesterov momentum, and a learning rate that falls to 0 as half a cosine.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step; what is left of an epoch is dropped.
        learning_rate: at the start.
        momentum: of SGD.
        weight_decay: of the weights that took part in a step.
        mixed_precision: bfloat16 where autocast allows it; accelerators only.
    """

    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    mixed_precision: bool = False

    def __post_init__(self) -> None:
        whole("epochs", self.epochs, 0)
        whole("batch_size", self.batch_size, 1)
        for name in ("learning_rate", "momentum", "weight_decay"):
            real(name, getattr(self, name), 0)
        switch("mixed_precision", self.mixed_precision)


@dataclass
class Batch:
    """What a step is made of.

    Attributes:
        x, y: images ``(b, c, h, w)`` and labels ``(b,)`` that train the weights.
        validation: the same of held-out images, that train the mixture.
        progress: share of the training that is over, 0 to 1.
        rate: learning rate of the weights.
        epoch, epochs: number of the epoch from 0, and how many there are.
        generator, rng: random numbers.
    """

    x: Tensor
    y: Tensor
    validation: tuple[Tensor, Tensor]
    progress: float
    rate: float
    epoch: int
    epochs: int
    generator: torch.Generator
    rng: np.random.Generator


class Regime(nn.Module):
    """A way to train shared weights.

    A subclass writes :meth:`step`; what it learns besides the weights of ``net`` are its own parameters and buffers, and the
    optimizers that it adds to ``optimizers``: a checkpoint holds them all.

    Args:
        net: the supernet.
        settings: of the training of its weights.
        seed: of what the regime draws once.
    """

    def __init__(self, net: Supernet, settings: Settings, seed: int = 0) -> None:
        super().__init__()
        self.net = net
        self.settings = settings
        self.seed = seed
        self.optimizers: dict[str, torch.optim.Optimizer] = {}

    learns_weights: ClassVar[bool] = False
    """Whether it learns a distribution over rows."""

    def final_weights(self) -> Tensor:
        """``(decisions, choices)`` the mixture at the end of the training; all choices alike where none is learnt."""
        decisions, choices = self.net.mixed_shape
        return torch.full((decisions, choices), 1 / choices, device=next(self.net.parameters()).device)

    def log_likelihood(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """``(n,)`` nats, of rows under the final mixture."""
        logs = np.log(np.maximum(self.final_weights().detach().cpu().double().numpy(), 1e-300))
        choices = self.net.choices_of(rows)
        made = np.where(choices >= 0, logs[np.arange(choices.shape[1]), choices], 0.0)
        return np.asarray(made.sum(axis=1))

    def derived(self) -> NDArray[np.int64]:
        """``(d,)`` the row that the final mixture is made into."""
        return self.net.discretised(self.final_weights().detach().cpu().double().numpy())

    def evaluate(self, rows: NDArray[np.int64], x: Tensor, y: Tensor, **rest: Any) -> Answers:
        """Losses and accuracies of rows, see :func:`~archcast.supernets.queries.evaluate`."""
        return evaluate(self.net, rows, x, y, **rest)

    def start(self) -> None:
        """Make the optimizer of the weights, once they are on their device."""
        self.optimizers["weights"] = torch.optim.SGD(
            self.net.parameters(),
            lr=self.settings.learning_rate,
            momentum=self.settings.momentum,
            weight_decay=self.settings.weight_decay,
            nesterov=self.settings.momentum > 0,
        )

    @abstractmethod
    def step(self, batch: Batch) -> Tensor:
        """Learn from one batch; return the training loss, detached."""

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """What a schedule changes between epochs."""

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy."""
        return functional.cross_entropy(logits.float(), labels)

    def descend(self, batch: Batch, loss: Tensor) -> Tensor:
        """One step of SGD on the weights along the gradient of ``loss``. Weights that took no part stay as they are: they get
        neither gradient, nor momentum, nor decay."""
        optimizer = self.optimizers["weights"]
        for group in optimizer.param_groups:
            group["lr"] = batch.rate
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach()


@dataclass
class _State:
    epoch: int = 0
    losses: list[float] = field(default_factory=list)


def train(
    regime: Regime,
    data: Dataset,
    seed: int = 0,
    *,
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    after_epoch: Callable[[int], None] | None = None,
    diary: Diary | None = None,
) -> list[float]:
    """Train a supernet; its weights and the regime's parameters are changed in place.

    Args:
        regime: how.
        data: images.
        seed: of order, augmentation and what the regime draws.
        device: where.
        checkpoint: file that is written after every epoch and, where it is there, continued from.
        progress: is told the epochs done and in all.
        after_epoch: is called with the number of epochs done.
        diary: gets an entry after every epoch; a checkpoint holds them.

    Returns:
        ``epochs`` mean training losses.

    Raises:
        DivergedError: a loss or a parameter is no finite number; names the epoch.
        InvalidFileError: the checkpoint is of another training.
        InvalidInputError: the checkpoint cannot be a file.
    """
    settings = regime.settings
    if checkpoint is not None:
        checkpoint = _place("checkpoint", checkpoint)
    regime.to(device)
    if torch.device(device).type != "cpu":
        regime.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    regime.start()
    data = data.to(device)
    state = _State()
    identity = _identity(regime, data, seed, diary)
    if checkpoint is not None and checkpoint.exists():
        state = _continue(regime, checkpoint, identity, diary)
        _check(regime, 0.0, state.epoch - 1)
    images, labels = data.train
    size = min(settings.batch_size, len(images))
    batches = len(images) // size
    held = data.validation
    for epoch in range(state.epoch, settings.epochs):
        if progress is not None:
            progress(epoch, settings.epochs)
        generator = torch.Generator().manual_seed(_mixed(seed, epoch))
        rng = np.random.default_rng([seed, epoch])
        regime.train()
        regime.begin_epoch(epoch, settings.epochs)
        seen = data.augmentation(images, generator)
        order = torch.randperm(len(images), generator=generator).to(images.device)
        other = torch.randperm(len(held[0]), generator=generator).to(images.device)
        total = 0.0
        with seeded(_mixed(seed, epoch, 1), device):
            for number in range(batches):
                rows = order[number * size : (number + 1) * size]
                turn = other[torch.arange(number * size, (number + 1) * size, device=other.device) % len(other)]
                done = (epoch * batches + number) / (settings.epochs * batches)
                rate = settings.learning_rate * (0.5 + 0.5 * math.cos(math.pi * done))
                batch = Batch(
                    seen[rows],
                    labels[rows],
                    (held[0][turn], held[1][turn]),
                    done,
                    rate,
                    epoch,
                    settings.epochs,
                    generator,
                    rng,
                )
                with _precision(device, settings.mixed_precision):
                    loss = float(regime.step(batch))
                total += loss
                if not math.isfinite(total):
                    break
        regime.eval()
        _check(regime, total, epoch)
        state.epoch = epoch + 1
        state.losses.append(total / batches)
        if after_epoch is not None:
            after_epoch(state.epoch)
        if diary is not None:
            diary.note(regime)
        if checkpoint is not None:
            _write(regime, checkpoint, identity, state, diary)
    regime.eval()
    if progress is not None:
        progress(settings.epochs, settings.epochs)
    return state.losses


def _mixed(*numbers: int) -> int:
    """One number of several, for torch's generator."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _precision(device: str, mixed: bool) -> torch.autocast:
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=mixed)


def _check(regime: Regime, total: float, epoch: int) -> None:
    """Raise unless the losses of an epoch and all parameters are finite."""
    where = f"{type(regime).__name__} of space {regime.net.space.name!r}"
    advice = f"Lower the learning rate, which is {regime.settings.learning_rate:g}."
    if not math.isfinite(total):
        raise DivergedError(f"{where}: the training loss is {total} in epoch {epoch + 1}. {advice}")
    for name, value in regime.named_parameters():
        if not bool(torch.isfinite(value).all()):
            raise DivergedError(f"{where}: {name} is not finite after epoch {epoch + 1}. {advice}")


def _place(name: str, value: str | Path) -> Path:
    """The path of a file in a folder that is there or is made."""
    path = path_of(name, value)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"{name} {short(str(path))}: its folder cannot be made: {error.strerror}.") from error
    return path


# -- checkpoints -------------------------------------------------------------------------------------------------------


def _identity(regime: Regime, data: Dataset, seed: int, diary: Diary | None) -> dict[str, Any]:
    """What decides the result of a training."""
    return {
        "regime": type(regime).__name__,
        "method": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(regime).items()
            if isinstance(value, (int, float, str, tuple))
        },
        "settings": asdict(regime.settings),
        "space": regime.net.space.name,
        "dataset": data.name,
        "images": [len(split[0]) for split in (data.train, data.validation)],
        "shape": list(data.shape),
        "labels": [fingerprint(split[1].cpu().numpy()) for split in (data.train, data.validation)],
        "first images": [fingerprint(split[0][:COMPARED].cpu().numpy()) for split in (data.train, data.validation)],
        "augmentation": repr(data.augmentation),
        "tensors": {name: list(value.shape) for name, value in regime.state_dict().items()},
        "seed": seed,
        **({} if diary is None else {"watched": fingerprint(diary.rows)}),
    }


def _write(regime: Regime, path: Path, identity: dict[str, Any], state: _State, diary: Diary | None) -> None:
    tensors = {f"regime.{name}": value.detach().cpu().contiguous() for name, value in regime.state_dict().items()}
    for name, optimizer in regime.optimizers.items():
        for number, slots in optimizer.state_dict()["state"].items():
            for slot, value in slots.items():
                if value is not None:
                    tensors[f"optimizer.{name}.{number}.{slot}"] = torch.as_tensor(value).detach().cpu().contiguous()
    for number, entry in enumerate([] if diary is None else diary.entries):
        tensors |= {f"diary.{number}.{name}": torch.as_tensor(value).contiguous() for name, value in entry.items()}
    metadata = {"identity": json.dumps(identity), "epoch": str(state.epoch), "losses": json.dumps(state.losses)}
    write_whole(path, save(tensors, metadata))


def _continue(regime: Regime, path: Path, identity: dict[str, Any], diary: Diary | None) -> _State:
    """Load a checkpoint into the regime, its optimizers and the diary."""
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        written, epoch, losses = (json.loads(metadata[key]) for key in ("identity", "epoch", "losses"))
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise InvalidFileError(f"{str(path)!r} is not a checkpoint of a supernet: {error}") from error
    for key, value in identity.items():
        if written.get(key) != value:
            shown = "" if key == "tensors" else f": {key} is {written.get(key)!r}, not {value!r}"
            raise InvalidFileError(
                f"{str(path)!r} is a checkpoint of another training{shown}. Delete it or name another file."
            )
    regime.load_state_dict({name[7:]: value for name, value in tensors.items() if name.startswith("regime.")})
    for name, optimizer in regime.optimizers.items():
        head = f"optimizer.{name}."
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(head):
                number, slot = key[len(head) :].split(".")
                slots.setdefault(int(number), {})[slot] = value
        state = optimizer.state_dict()
        state["state"] = slots
        optimizer.load_state_dict(state)
    if diary is not None:
        diary.entries = [
            {name[len(head) :]: value.numpy() for name, value in tensors.items() if name.startswith(head)}
            for head in (f"diary.{number}." for number in range(int(epoch)))
        ]
    return _State(int(epoch), [float(loss) for loss in losses])

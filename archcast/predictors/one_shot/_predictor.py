"""What all one-shot predictors share: init trains a supernet, query reads architectures from it.

No line of these predictors reads a table of results: they see the images of the data set, and nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import DivergedError, InvalidInputError, short
from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor, Requirements
from archcast.predictors.one_shot._rules import DatasetRule, FileRule, RowsRule, TaskRule
from archcast.predictors.parameters import Number, Rule, Switch, Text, Whole, Word
from archcast.predictors.persistence import saved
from archcast.spaces.base import SearchSpace, Task

if TYPE_CHECKING:
    import torch

    from archcast.supernets.loop import Regime, Settings
    from archcast.training.datasets import Dataset

__all__ = ["OneShotPredictor", "watched"]

saved("task")(Task)

SCORES = ("loss", "accuracy", "divergence", "strength")
"""What query answers: minus the loss, the accuracy, minus the KL divergence from the full model's predictions, the sum of the
strengths of the row's operations."""
MOVING_BATCHES = 100
"""Batches of moving averages: with a momentum of .1, what was before them does not count."""
CANDIDATES = 5_000
"""Most functions that :meth:`OneShotPredictor.derive` looks at."""

_WATCHER: ContextVar[Callable[[int, int], None] | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(tell: Callable[[int, int], None]) -> Iterator[None]:
    """Within, ``init`` of one-shot predictors tells the epochs done and in all."""
    token = _WATCHER.set(tell)
    try:
        yield
    finally:
        _WATCHER.reset(token)


class OneShotPredictor(Predictor):
    """Base of the one-shot predictors; each adds a way to train the shared weights.

    Rows that are the same function are scored alike, by their canonical row.

    Args:
        space: a space with a supernet.
        dataset: data set, folder, file or :class:`~archcast.training.Dataset`: what the trainer takes.
        task: its sizes (``width``, ``depth``, ``stages``) are those of the networks; ``None`` takes what suits the data set.
            Shape and classes are those of the data set.
        epochs: passes over the training images; ``None`` takes the method's own.
        batch_size: images a step.
        learning_rate: of the shared weights, at the start; ``None`` takes the method's own.
        images: held-out images that answer a query.
        measure: what query answers: ``loss`` (with its sign changed), ``accuracy``, ``divergence`` (KL from the full model's
            predictions, with its sign changed), ``strength`` (sum of the row's operation strengths), and, where the method
            learns a distribution, ``likelihood`` under it; ``None`` takes the method's own.
        statistics: of batch norm at query: ``batch`` (of the images that answer), ``training`` (of as many training images, each
            architecture calibrated anew), or ``running`` (moving averages over random paths, as batch norm has them after a
            training on paths; they know nothing of an architecture). Mixtures take those of the batch.
        watch: ``(n, d)`` architectures that are scored after every epoch, for a diagnosis; see
            :class:`~archcast.supernets.diary.Diary`.
        checkpoint: file that training writes after every epoch and, where it is there, continues from.
        device: ``cpu``, ``cuda``, ``cuda:1``.
        mixed_precision: bfloat16 where autocast allows it; accelerators only.
        random_state: seed of initial weights, order of images and what the method draws.

    Attributes:
        losses_: mean training loss of each epoch.
        weights_: the trained weights, and what else the method learned, by name.
        diary_: what was noted after every epoch, where ``watch`` was given: name -> ``(epochs, ...)``.
    """

    @property
    def requires(self) -> Requirements:
        """Images of the task, and no scores."""
        return Requirements(labels=False, data=True)

    parameters: ClassVar[Mapping[str, Rule]] = {
        "dataset": DatasetRule(),
        "task": TaskRule(),
        "epochs": Whole(1, optional=True),
        "batch_size": Whole(2),
        "learning_rate": Number(0, 100, above=True, optional=True),
        "images": Whole(2),
        "measure": Word(*SCORES, optional=True),
        "statistics": Word("batch", "training", "running"),
        "watch": RowsRule(),
        "checkpoint": FileRule(),
        "device": Text(),
        "mixed_precision": Switch(),
    }

    usual: ClassVar[Mapping[str, Any]] = {"epochs": 50, "learning_rate": 0.05, "measure": "loss"}
    """The method's own settings."""

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        dataset: str | Path | Dataset = "digits",
        task: Task | None = None,
        epochs: int | None = None,
        batch_size: int = 32,
        learning_rate: float | None = None,
        images: int = 216,
        measure: str | None = None,
        statistics: str = "batch",
        watch: ArrayLike | None = None,
        checkpoint: str | Path | None = None,
        device: str = "cpu",
        mixed_precision: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.dataset = dataset
        self.task = task
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.images = images
        self.measure = measure
        self.statistics = statistics
        self.watch = watch
        self.checkpoint = checkpoint
        self.device = device
        self.mixed_precision = mixed_precision

    # -- what a method writes -----------------------------------------------------------------------------------------

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        """The way to train ``net``."""
        raise NotImplementedError

    def _network_settings(self) -> dict[str, Any]:
        """Further arguments of the supernet."""
        return {}

    # -- init ---------------------------------------------------------------------------------------------------------

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return sorted(cls._constructor())

    @classmethod
    def _constructor(cls) -> dict[str, inspect.Parameter]:
        """Parameters of the constructor, and of its base's where it hands ``**params`` on."""
        found: dict[str, inspect.Parameter] = {}
        for base in cls.__mro__:
            if "__init__" not in vars(base):
                continue
            parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
            for parameter in parameters:
                if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
                    found.setdefault(parameter.name, parameter)
            if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters):
                break
        return found

    def _init(self, known: Known) -> None:
        from archcast.supernets.diary import Diary
        from archcast.supernets.loop import train

        self._check_device()
        data = self.load_data()
        self.seed_ = int(self._rng().integers(2**31))
        self.task_ = self._task(data)
        regime = self._make(self.task_)
        diary = None
        if self.watch is not None:
            rows = self._space.canonical(self._space.validate(self.watch, allow_empty=False))
            x, y = data.validation
            diary = Diary(rows, x[: self.images], y[: self.images])
        self.losses_ = train(
            regime,
            data,
            self.seed_,
            device=self.device,
            checkpoint=self.checkpoint,
            progress=_WATCHER.get(),
            diary=diary,
        )
        self.diary_ = {} if diary is None else diary.stacked()
        self.weights_ = {name: value.detach().cpu().float().numpy() for name, value in regime.state_dict().items()}
        self.images_, self.labels_ = _some(data.validation, self.images)
        self.training_images_ = _some(data.train, self.images)[0] if self.statistics == "training" else None
        self.running_ = self._moving(regime, data) if self.statistics == "running" else None

    def _moving(self, regime: Regime, data: Dataset) -> dict[str, NDArray[np.float32]]:
        """Moving averages of each norm over random paths, one for each of some batches of training images."""
        from archcast.supernets.queries import moving_statistics
        from archcast.supernets.sampling import live_rows

        rows = live_rows(regime.net, MOVING_BATCHES, np.random.default_rng(self.seed_))
        x, y = (part.to(self.device) for part in data.train)
        found = moving_statistics(regime, rows, x, y, min(self.batch_size, len(x)))
        return {name: value.cpu().float().numpy() for name, value in found.items()}

    def check_space(self) -> None:
        """Raise unless the space has a supernet.

        Raises:
            InvalidInputError: it has none; the message names those that have.
        """
        from archcast.supernets.base import module_of

        module_of(self._space)

    def _check_device(self) -> None:
        from archcast.torch_state import usable_device

        usable_device(self.device, self.mixed_precision)

    def load_data(self) -> Dataset:
        """The data set that the supernet is trained on."""
        from archcast.training.datasets import Dataset, load_dataset

        return self.dataset if isinstance(self.dataset, Dataset) else load_dataset(self.dataset)

    def _task(self, data: Dataset) -> Task:
        """What the networks are built for: the data set's images and classes, the task's sizes."""
        from archcast.training.recipe import settings_for

        if self.task is None:
            sizes = settings_for(data.name, self._space)
            return Task(data.shape, data.classes, sizes["width"], sizes["depth"], sizes["stages"])
        return Task(data.shape, data.classes, size=self.task.size)

    def _make(self, task: Task) -> Regime:
        """The regime around a supernet with its initial weights."""
        from archcast.supernets.base import get_supernet
        from archcast.supernets.loop import Settings

        settings = Settings(
            epochs=self.setting("epochs"),
            batch_size=self.batch_size,
            learning_rate=self.setting("learning_rate"),
            mixed_precision=self.mixed_precision,
        )
        net = get_supernet(self._space, task, self.seed_, **self._network_settings())
        return self._regime(net, settings, self.seed_)

    def setting(self, name: str) -> Any:
        """Value of a parameter; where it is ``None``, the usual one of the method."""
        value = getattr(self, name)
        return self.usual[name] if value is None else value

    # -- query --------------------------------------------------------------------------------------------------------

    def trained(self) -> Regime:
        """The regime with what it learned.

        Raises:
            DivergedError: a weight is no finite number.
        """
        import torch

        for name, values in self.weights_.items():
            if not np.isfinite(values).all():
                raise DivergedError(
                    f"{self._title}: {name} is not finite, so nothing can be read from it. Train it again."
                )
        regime = self._make(self.task_)
        kinds = {name: value.dtype for name, value in regime.state_dict().items()}
        regime.load_state_dict({n: torch.from_numpy(value.copy()).to(kinds[n]) for n, value in self.weights_.items()})
        return regime.to(self.device).eval()

    def save(self, path: str | Path) -> None:
        """As :meth:`Predictor.save`; ``dataset`` must be a name.

        Raises:
            InvalidInputError: the data set was given as a loaded one.
        """
        if not isinstance(self.dataset, (str, Path)):
            raise InvalidInputError(
                f"{self._title}: dataset is a {type(self.dataset).__name__}, which cannot be saved: name a folder of images or an "
                ".npz file with the arrays x and y instead."
            )
        super().save(path)

    def _held(self) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        return torch.from_numpy(self.images_).to(self.device), torch.from_numpy(self.labels_).to(self.device)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        self._check_parameters()
        rows, twin = np.unique(self._space.canonical(archs), axis=0, return_inverse=True)
        return Prediction(self._scores(self.trained(), rows, self.setting("measure"))[twin.ravel()])

    def _scores(self, regime: Regime, rows: NDArray[np.int64], score: str) -> NDArray[np.float64]:
        """``(n,)`` scores of canonical rows."""
        import torch

        from archcast.supernets.queries import full_model, normalised_by, operation_strengths

        net = regime.net
        x, y = self._held()
        if score == "likelihood":
            return regime.log_likelihood(rows)
        if score == "strength":
            strengths = operation_strengths(net, regime.final_weights(), x, y)
            choices = net.choices_of(rows)
            made = np.where(choices >= 0, strengths[np.arange(choices.shape[1]), choices], 0.0)
            return np.asarray(made.sum(axis=1))
        calibration = None
        if self.statistics == "training":
            calibration = torch.from_numpy(self._kept("training_images_")).to(self.device)
        reference = full_model(net, x) if score == "divergence" else None
        with normalised_by(regime, self._running()):
            answers = regime.evaluate(rows, x, y, calibration=calibration, reference=reference)
        return answers.accuracy if score == "accuracy" else -getattr(answers, score)

    def _running(self) -> dict[str, torch.Tensor]:
        """Moving averages that a query takes, by the name of the norm."""
        import torch

        found = self._kept("running_") if self.statistics == "running" else {}
        return {name: torch.from_numpy(value).to(self.device) for name, value in found.items()}

    def _kept(self, name: str) -> Any:
        """What ``init`` keeps for a kind of statistics.

        Raises:
            InvalidInputError: it was called for another kind.
        """
        found = getattr(self, name, None)
        if found is None:
            raise InvalidInputError(
                f"{self._title}: statistics is {self.statistics!r}, which init must know: call init again."
            )
        return found

    def derive(self, by: str | None = None) -> NDArray[np.int64]:
        """``(d,)`` the architecture that the method chooses.

        Args:
            by: ``score`` takes the function of highest score, of a large space among a sample; ``weights`` the largest
                weight of each decision, where the method learns a distribution; ``perturbation`` decides one decision after
                the other, each for the operation whose removal costs most (Wang et al. 2021, without their fine-tuning in
                between). By default ``weights`` where there are any.

        Raises:
            InvalidInputError: a method without a distribution is asked for its weights.
        """
        from archcast.supernets.queries import perturbed_choice
        from archcast.supernets.sampling import functions_of

        if not hasattr(self, "n_features_in_"):
            self.query(np.zeros((0, len(self._space.cardinalities)), dtype=np.int64))
        regime = self.trained()
        learns = regime.learns_weights
        by = ("weights" if learns else "score") if by is None else by
        if by not in ("score", "weights", "perturbation"):
            raise InvalidInputError(f"by must be one of score, weights, perturbation, got {short(by)}.")
        if by == "weights" and not learns:
            raise InvalidInputError(f"{self._title} learns no distribution over rows: use by='score'.")
        if by == "weights":
            return np.asarray(regime.derived())
        if by == "perturbation":
            return perturbed_choice(regime.net, regime.final_weights(), *self._held(), seed=self.seed_)
        rows = functions_of(regime.net, self.seed_)
        if len(rows) > CANDIDATES:
            rows = rows[np.random.default_rng(self.seed_).permutation(len(rows))[:CANDIDATES]]
        scores = self._scores(regime, rows, self.setting("measure"))
        return np.asarray(rows[int(np.argmax(scores))])


def _some(split: tuple[torch.Tensor, torch.Tensor], n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The first images and labels of a set."""
    return split[0][:n].cpu().numpy().copy(), split[1][:n].cpu().numpy().copy()

"""What ``archcast score`` scores: a text names a target, a target builds a model.

- ``torchvision:resnet18``, ``timm:vit_tiny_patch16_224``: models of these packages, without weights.
- ``package.module:factory``, ``path/file.py:factory``: your own; a factory is called, a module is taken as it is.
- ``nasbench201:|nor_conv_3x3~0|+...``: an architecture in the notation of a space.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcast.errors import USER_ERRORS, ArchcastError, InvalidInputError, require
from archcast.registry import closest

if TYPE_CHECKING:
    from torch import nn

    from archcast.spaces import SearchSpace
    from archcast.spaces.base import Task

__all__ = ["INITS", "Settings", "Target", "buildable", "factory_arguments", "imported", "target_of"]

INITS = ("default", "kaiming", "xavier", "normal")
COLLECTIONS = ("torchvision", "timm")
IMAGE = (3, 32, 32)


@dataclass(frozen=True)
class Settings:
    """How models are built.

    Attributes:
        image: shape of one input, e.g. (channels, height, width); ``None`` for what suits the target.
        classes: number of classes; ``None`` for what suits the target.
        width, depth, stages: of networks of a space; ``None`` for those of its paper.
        kwargs: for factories.
        init: one of ``INITS``, how weights are drawn.
        seed: for drawing them.
    """

    image: tuple[int, ...] | None = None
    classes: int | None = None
    width: int | None = None
    depth: int | None = None
    stages: int | None = None
    kwargs: Mapping[str, Any] | None = None
    init: str = "default"
    seed: int = 0


@dataclass(frozen=True)
class Target:
    """Something to score.

    Attributes:
        name: as it was given, or in the notation of its space.
        kind: name of a space, ``"torchvision"``, ``"timm"``, ``"file"`` or ``"module"``.
        rest: what comes after the colon.
    """

    name: str
    kind: str
    rest: str

    def build(self, settings: Settings) -> tuple[nn.Module, tuple[int, ...]]:
        """The model, and the shape of an image for it.

        Raises:
            InvalidInputError: naming the target and the cause.
        """
        import torch

        devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
        try:
            with torch.random.fork_rng(devices=devices):
                torch.default_generator.manual_seed(settings.seed)
                model, image = self._make(settings)
                _initialise(model, settings.init)
        except ArchcastError as error:
            raise InvalidInputError(f"{self.label}: {error}") from error
        except USER_ERRORS as error:
            said = " ".join(str(error).split()) or "no message"
            raise InvalidInputError(f"{self.label}: building it raised {type(error).__name__}: {said}") from error
        return model, settings.image or image

    @property
    def label(self) -> str:
        """The name as errors show it: the notation of an architecture may be long."""
        return self.name if len(self.name) <= 80 else f"{self.name[:77]}..."

    @property
    def takes_images(self) -> bool:
        """Whether one image is all that it takes, as far as its name tells."""
        from archcast.spaces.base import SPACES, get_space

        if self.kind not in SPACES:
            return True
        usual = get_space(self.kind).task_of(None)
        return usual.dtypes == ("float32",) and len(usual.shapes[0]) == 3

    def task(self, settings: Settings) -> Task:
        """What a network of a space is built for: images of the size that is asked for, or the task of the space.

        Raises:
            InvalidInputError: images are asked for, and its networks take none.
        """
        from archcast.spaces.base import Task, get_space

        if self.takes_images:
            image = settings.image or IMAGE
            if len(image) != 3:
                raise InvalidInputError(f"its networks take images, but --input is {'x'.join(map(str, image))}.")
            sizes = settings.width, settings.depth, settings.stages
            return Task((image[0], image[1], image[2]), settings.classes or 10, *sizes)
        for option, value in (("--input", settings.image), ("--classes", settings.classes)):
            if value is not None:
                raise InvalidInputError(f"{option} is for networks of images, and it takes others. Leave {option} out.")
        chosen = {"width": settings.width, "depth": settings.depth, "stages": settings.stages}
        size = {name: value for name, value in chosen.items() if value is not None}
        return replace(get_space(self.kind).task_of(None), size=size)

    def _make(self, settings: Settings) -> tuple[nn.Module, tuple[int, ...]]:
        from torch import nn

        kwargs = dict(settings.kwargs or {})
        image: tuple[int, ...] = IMAGE
        if self.kind in COLLECTIONS:
            package: Any = require(
                "torchvision.models" if self.kind == "torchvision" else "timm", extra="vision", feature=self.kind
            )
            if settings.classes is not None:
                kwargs["num_classes"] = settings.classes
            image = (3, 224, 224)
            if self.kind == "timm":
                _known(self.rest, package.list_models(), "timm model")
                model = package.create_model(self.rest, pretrained=False, **kwargs)
                image = tuple(getattr(model, "default_cfg", {}).get("input_size", image))
            else:
                _known(self.rest, package.list_models(), "torchvision model")
                builder = package.get_model_builder(self.rest)
                if "weights_backbone" in inspect.signature(builder).parameters:
                    kwargs.setdefault("weights_backbone", None)  # detectors would fetch it
                model = builder(weights=None, **kwargs)
                if ".video" in builder.__module__:
                    image = (3, 16, 112, 112)
        elif self.kind in ("file", "module"):
            module = _import_file(self.name) if self.kind == "file" else _import_module(self.name)
            name = self.rest
            if not hasattr(module, name):
                raise InvalidInputError(f"there is no {name!r} in it. {closest(name, _public(module))}")
            found = getattr(module, name)
            model = found if isinstance(found, nn.Module) else found(**kwargs)
        else:
            from archcast.spaces import get_space

            space, task = get_space(self.kind), self.task(settings)
            model, image = space.build(space.parse(self.rest)[0], task), task.shapes[0]
        if not isinstance(model, nn.Module):
            raise InvalidInputError(f"it gave a {type(model).__name__}, not a torch.nn.Module.")
        return model, image


def target_of(text: str) -> Target:
    """The target that a text names; it is looked at only when it is built, except that it must be well-formed.

    Raises:
        InvalidInputError: for a text that names none.
    """
    from archcast.spaces.base import SPACES

    kind, colon, rest = text.partition(":")
    if colon and rest and kind in (*COLLECTIONS, *SPACES):
        return Target(text, buildable(kind).name if kind in SPACES else kind, rest)
    path, colon, name = text.rpartition(":")
    if colon and path.endswith(".py") and name.isidentifier():
        return Target(text, "file", name)
    if colon and name.isidentifier() and all(part.isidentifier() for part in path.split(".")):
        return Target(text, "module", name)
    if text.rstrip(":").endswith(".py") and os.path.isfile(text.rstrip(":")):
        raise InvalidInputError(
            f"{text!r} is a file: name the model, or the function that makes it, as in {text.rstrip(':')}:make."
        )
    raise InvalidInputError(
        f"{text!r} is not a target. Use torchvision:resnet18, timm:NAME, package.module:factory, file.py:factory, or "
        f"SPACE:ARCHITECTURE with a space of {', '.join(_buildable_names())}."
    )


def imported(text: str) -> Any:
    """What ``package.module:name`` or ``file.py:name`` names.

    Raises:
        InvalidInputError: there is no such file, module or name.
    """
    path, _, name = text.rpartition(":")
    if not name.isidentifier():
        raise InvalidInputError(f"{text!r} must be package.module:function or file.py:function.")
    try:
        module = _import_file(text) if path.endswith(".py") else _import_module(text)
    except ArchcastError:
        raise
    except USER_ERRORS as error:
        raise InvalidInputError(f"{text!r} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise InvalidInputError(f"{path} has no {name!r}. {closest(name, _public(module))}")
    return getattr(module, name)


def factory_arguments(text: str | None) -> dict[str, Any] | None:
    """The JSON object of ``--kwargs``.

    Raises:
        InvalidInputError: it is something else.
    """
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"--kwargs is not JSON: {str(error)[:100]}.") from error
    if not isinstance(value, dict):
        raise InvalidInputError(f'--kwargs must be a JSON object such as {{"depth": 3}}, got {text[:40]}.')
    return value


def buildable(space: str) -> SearchSpace:
    """A space whose networks can be built.

    Raises:
        InvalidInputError: for one whose networks cannot.
    """
    from archcast.spaces import get_space
    from archcast.spaces.base import SPACES

    found = get_space(space)
    if not SPACES.entry(space).info.get("buildable"):
        raise InvalidInputError(
            f"Networks of space {space!r} cannot be built. Spaces that can be: {', '.join(_buildable_names())}."
        )
    return found


def _buildable_names() -> list[str]:
    from archcast.spaces.base import SPACES

    return [name for name in SPACES if SPACES.entry(name).info.get("buildable")]


def _known(name: str, names: list[str], what: str) -> None:
    if name not in names and name.split(".")[0] not in names:
        near = closest(name, names).split(" Available:")[0]
        raise InvalidInputError(f"there is no {what} {name!r}. {near if 'mean' in near else ''}".strip())


def _import_module(name: str) -> Any:
    path = name.rpartition(":")[0]
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(path)
    finally:
        sys.path.remove(folder)


def _import_file(name: str) -> Any:
    path = Path(name.rpartition(":")[0])
    if not path.is_file():
        raise InvalidInputError(f"there is no file {str(path)!r}.")
    spec = importlib.util.spec_from_file_location(f"archcast_target_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


def _public(module: Any) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_") and callable(getattr(module, name))]


def _initialise(model: nn.Module, init: str) -> None:
    """Draw the weights with two dimensions or more anew."""
    if init == "default":
        return
    import torch
    from torch.nn import init as draw

    for parameter in model.parameters():
        if parameter.ndim > 1:
            if init == "kaiming":
                draw.kaiming_normal_(parameter, nonlinearity="relu")
            elif init == "xavier":
                draw.xavier_normal_(parameter)
            else:
                with torch.no_grad():
                    parameter.normal_()

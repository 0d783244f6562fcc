"""``archcast stats``: what a model costs, whether it fits, how long an epoch will take."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from archcast.costs.profile import Profile

__all__ = ["stats"]

UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def stats(
    model: Annotated[
        str,
        typer.Argument(
            help="Model to measure: torchvision:NAME, timm:NAME, package.module:factory, file.py:factory, or SPACE:ARCHITECTURE."
        ),
    ],
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="Shape of one input, as 3x224x224; NAME:SHAPE:TYPE:BELOW for each of several, as ids:128:long:30522; or "
            "module:function that makes the inputs.",
            show_default="what suits the model",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Number of samples in a batch.")] = 32,
    batch_dim: Annotated[
        str, typer.Option(help="Number of the axis of the samples (1 where the sequence comes first), or auto.")
    ] = "auto",
    samples: Annotated[
        int | None, typer.Option(help="Number of training samples, for the time of an epoch.", show_default=False)
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Size of the memory that the training must fit into, such as 8GB.", show_default=False),
    ] = None,
    optimizer: Annotated[
        str, typer.Option(help="Name of the optimizer whose memory counts: none, sgd or adam.")
    ] = "sgd",
    device: Annotated[
        str | None, typer.Option(help="Name of the device to measure on, such as cuda.", show_default="cpu")
    ] = None,
    kwargs: Annotated[str | None, typer.Option(help="Arguments of the factory, as JSON.", show_default=False)] = None,
    layers: Annotated[int, typer.Option(help="Number of layers to list, the most costly ones; 0 for none.")] = 15,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Parameters, operations, memory and time of a model, measured on this machine.

    Examples: archcast stats torchvision:resnet18 --samples 50000 --memory 8GB; archcast stats mine.py:net --input 1x28x28
    """
    from archcast.checks import device_of, whole
    from archcast.cli._inputs import advised, axis_of, inputs_of
    from archcast.cli._targets import Settings, factory_arguments, target_of
    from archcast.costs.profile import OPTIMIZERS, profile
    from archcast.errors import InvalidInputError, short

    whole("--batch-size", batch_size, 1)
    whole("--layers", layers, 0)
    if samples is not None:
        whole("--samples", samples, 1)
    if optimizer not in OPTIMIZERS:
        raise InvalidInputError(f"--optimizer must be one of {', '.join(OPTIMIZERS)}, got {short(optimizer)}.")
    room = None if memory is None else _bytes(memory)
    given = None if input_ is None else inputs_of(input_)
    where = device_of("--device", device or "cpu")
    settings = Settings(image=None if given is None else given.shape, kwargs=factory_arguments(kwargs))
    network, image = target_of(model).build(settings)
    network = network.to(where)
    feed = given or inputs_of(["x".join(map(str, image))])
    axis = _axis(network, feed, batch_size, where) if batch_dim == "auto" else axis_of(batch_dim)
    try:
        found = profile(network, lambda n: _to(feed.batch(n, axis=axis), where), batch_size, optimizer=optimizer)
    except InvalidInputError as error:
        used = " ".join(input_ or ["x".join(map(str, image))])
        told = f"{model[:80]}: {str(error).rstrip('.')}. The inputs were {short(used)}"
        said = advised(told)
        raise InvalidInputError(said if said != told else f"{told}; give others by --input.") from error
    answer = _answer(model, found, samples, room, str(where))
    if json_:
        typer.echo(json.dumps({**answer, "layers": [vars(layer) for layer in found.layers]}, indent=2, allow_nan=False))
        return
    _show(answer, found, optimizer, layers)


def _axis(network: Any, feed: Any, samples: int, device: Any) -> int:
    """The axis on which the layers look for samples; 0 where the network says nothing of it."""
    from archcast.errors import ArchcastError
    from archcast.proxies.engine import sample_axis

    if not feed.parts:
        return 0
    try:
        return sample_axis(network, _to(feed.batch(samples), device))
    except ArchcastError:  # the measurement says what is wrong
        return 0


def _answer(model: str, found: Profile, samples: int | None, room: float | None, device: str) -> dict[str, Any]:
    """Plain numbers; what is not known is ``None``."""
    answer: dict[str, Any] = {
        "model": model,
        "device": device,
        "batch_size": found.batch_size,
        **{name: int(value) for name, value in found.costs.items()},
        "inference_seconds": found.inference_seconds,
        "training_seconds": found.training_seconds,
        "inference_bytes": found.inference_bytes,
        "training_bytes": found.training_bytes or None,
        "failure": found.failure,
    }
    if samples is not None:
        answer["epoch_seconds"] = found.epoch_seconds(samples)
    if room is not None and not found.failure:
        answer |= {
            "memory": int(room),
            "fits": found.training_bytes <= room,
            "largest_batch": found.largest_batch(room),
        }
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in answer.items()
    }


def _show(answer: dict[str, Any], found: Profile, optimizer: str, layers: int) -> None:
    from rich.console import Console

    from archcast.cli._grid import Grid

    console = Console(highlight=False)
    facts = Grid(show_header=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    facts.add_row("parameters", _number(answer["params"]))
    facts.add_row("multiply-accumulates", f"{_number(answer['macs'])} a sample")
    facts.add_row("activations", f"{_number(answer['activations'])} a sample")
    facts.add_row("layers with weights", f"{answer['depth']} on the longest path")
    facts.add_row("inference", _cost(found.inference_seconds, found.inference_spread, found.inference_bytes, found))
    if found.failure:
        facts.add_row("training", f"not possible: {found.failure}")
    else:
        cost = _cost(found.training_seconds, found.training_spread, found.training_bytes, found)
        facts.add_row("training" + {"none": "", "sgd": " with SGD", "adam": " with Adam"}[optimizer], cost)
    if answer.get("epoch_seconds") is not None:
        facts.add_row("an epoch", _duration(answer["epoch_seconds"]))
    if "fits" in answer:
        verdict = "fits" if answer["fits"] else "does not fit"
        facts.add_row(
            "memory", f"{verdict} into {_size(answer['memory'])}; largest batch about {answer['largest_batch']:,}"
        )
    console.print(f"[bold]{answer['model']}[/] on {answer['device']}")
    console.print(facts)
    if layers:
        console.print()
        console.print(_layers(found, layers))


ROUNDS_UP = 0.9995
"""Part of a unit that three digits show as a whole one: 999,700 is 1 M, not 1e+03 k."""


def _layers(found: Profile, most: int) -> Any:
    from archcast.cli._grid import Grid

    table = Grid()
    table.add_column("layer", overflow="ellipsis", no_wrap=True, max_width=30)
    table.add_column("kind", overflow="ellipsis", no_wrap=True, max_width=16)
    for name in ("params", "MACs", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    total = max(found.costs["macs"], 1)
    chosen = sorted(found.layers, key=lambda layer: (-layer.macs, -layer.params))[:most]
    for layer in (layer for layer in found.layers if layer in chosen):
        table.add_row(
            layer.name or "(model)", layer.kind, _number(layer.params), _number(layer.macs), f"{layer.macs / total:.1%}"
        )
    if len(found.layers) > len(chosen):
        rest = [layer for layer in found.layers if layer not in chosen]
        params, macs = sum(layer.params for layer in rest), sum(layer.macs for layer in rest)
        table.add_row(f"{len(rest)} others", "", _number(params), _number(macs), f"{macs / total:.1%}")
    return table


def _cost(seconds: float, spread: float, size: int, found: Profile) -> str:
    return f"{_seconds(seconds)} ± {_seconds(spread)} and {_size(size)} for a batch of {found.batch_size}"


def _number(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= ROUNDS_UP * size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def _size(value: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= ROUNDS_UP * size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} bytes"


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= ROUNDS_UP else f"{value * 1e3:.3g} ms"


def _duration(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {left:02d} s" if minutes else _seconds(seconds)


def _bytes(text: str) -> float:
    from archcast.errors import InvalidInputError

    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([A-Za-z]*)", text.strip(), re.ASCII)
    if match is None or match[2].lower() not in UNITS or float(match[1]) <= 0:
        raise InvalidInputError(f"--memory must be a size such as 8GB or 512MiB, got {text[:40]!r}.")
    return float(match[1]) * UNITS[match[2].lower()]


def _to(value: Any, device: Any) -> Any:
    if isinstance(value, dict):
        return {key: _to(item, device) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_to(item, device) for item in value)
    return value.to(device) if hasattr(value, "to") else value

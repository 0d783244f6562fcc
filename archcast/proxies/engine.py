"""Score a model by many proxies with as few forward and backward passes as possible.

:func:`score` works out which recordings the proxies need, runs the passes that make them, each once, and leaves the
model, its gradients, flags and hooks and every random generator as they were.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from archcast.checks import LARGEST_SCORE, LARGEST_WHOLE, array_of, device_of, listed, mapping, numbers, seed_of
from archcast.costs.arguments import as_arguments
from archcast.errors import ArchcastError, InvalidInputError, short
from archcast.faces import face
from archcast.proxies.base import PROXIES, ProxyFailure
from archcast.proxies.machinery.inputs import Batch, BatchDim, find_logits
from archcast.proxies.machinery.losses import cross_entropy
from archcast.proxies.machinery.preservation import preserved
from archcast.proxies.machinery.session import Again, ModelError, Session, reason
from archcast.proxies.machinery.witness import UnsafeLayoutError
from archcast.proxies.passes import RECORDINGS, Pass

__all__ = ["Scores", "computes_loss", "output_shape", "parameters_of", "resolve", "score"]

COUNTS = frozenset({"parameters", "modules", "macs", "reached"})
"""Recordings that do not depend on the values of weights and inputs."""


class Scores(Mapping[str, float]):
    """Name -> score of the proxies that have one; higher is better.

    Attributes:
        failures: name -> why there is no score.
        seconds: of the whole call.
        passes: name of each pass that ran -> its seconds, in the order they ran.
    """

    def __init__(
        self, values: Mapping[str, float], failures: Mapping[str, str], seconds: float, passes: Mapping[str, float]
    ) -> None:
        self._values = dict(values)
        self.failures = dict(failures)
        self.seconds = seconds
        self.passes = dict(passes)

    def __getitem__(self, name: str) -> float:
        if name in self.failures:
            raise KeyError(f"{name} has no score: {self.failures[name]}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        width = max((len(name) for name in (*self._values, *self.failures)), default=0)
        lines = [f"{name:<{width}}  {value:.6g}" for name, value in self._values.items()]
        lines += [f"{name:<{width}}  failed: {reason}" for name, reason in self.failures.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows: list[tuple[str, float | str, str]] = [(name, value, "") for name, value in self._values.items()]
        rows += [(name, "failed", reason) for name, reason in self.failures.items()]
        return face("Zero-cost scores", ("proxy", "score", "why not"), rows, [f"{self.seconds:.2f} s"])


def score(
    model: nn.Module,
    inputs: Any,
    targets: Tensor | None = None,
    *,
    proxies: str | Sequence[str] = "all",
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    output: Callable[[Any], Tensor] = find_logits,
    seed: int = 0,
    micro_batch: int | None = None,
    device: str | torch.device | None = None,
    autocast: torch.dtype | None = None,
    batch_dim: BatchDim = "auto",
    ignore_index: int = -100,
    memory_format: str = "auto",
    options: Mapping[str, Mapping[str, float]] | None = None,
) -> Scores:
    """Score an untrained network by zero-cost proxies.

    The model is scored in training mode with dropout and all else that is random off, whatever mode it is in, with all
    parameters trainable, and comes back bit-identical. It must not be used by another thread meanwhile. What goes wrong
    in one proxy is the failure of that proxy; the value of a proxy does not depend on which others are asked for.

    Args:
        model: any module.
        inputs: what it takes: a tensor, a tuple or list of positional arguments, a mapping of keyword arguments, or an
            object such as a graph. The samples are on the first axis; see ``batch_dim``.
        targets: labels, for the proxies that need them; the others do without.
        proxies: names, or patterns such as ``"az_*"``; ``"all"`` for every one.
        loss: ``loss(logits, targets)``, a mean over samples. The default is cross-entropy; for a model with one output,
            binary cross-entropy where the targets are 0 and 1, else the mean squared error.
        output: from what the model returns to its logits; the default finds them in tuples, mappings and objects with
            ``logits``.
        seed: for what is drawn: noise, weights that a proxy draws anew.
        micro_batch: largest number of samples in one forward pass. Proxies whose value would change fail instead.
        device: where to compute; the default is where the model is.
        autocast: compute forward passes in this reduced precision; off by default.
        batch_dim: axis of the samples: ``"auto"`` (the first, or what the model's recurrent and attention layers take for
            it), the number of an axis, an axis for each argument (``None`` for one that belongs to all samples), or
            ``"list"`` for an argument that is a list with one entry for each sample.
        ignore_index: label that the default loss leaves out, such as 255 in segmentation.
        memory_format: ``"auto"``, ``"contiguous"`` or ``"channels_last"``. Channels-last is faster for convolutions on a
            CPU; ``"auto"`` uses it where every operation of the model is known to be safe in it. ``"channels_last"`` falls
            back too, since torch ends the process in some others.
        options: proxy -> its parameters, e.g. ``{"swap_reg": {"mu": 40, "sigma": 40}}``.

    Returns:
        The scores. A score that does not exist or is not finite is in ``Scores.failures``, with the reason.

    Raises:
        UnknownNameError: for an unknown proxy, with the closest names.
        InvalidInputError: if the model rejects the inputs, or labels do not fit.

    Examples:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
        >>> scores = score(model, torch.randn(16, 4), torch.randint(0, 3, (16,)), proxies=["params", "snip", "synflow"])
        >>> sorted(scores), scores["params"]
        (['params', 'snip', 'synflow'], 67.0)
    """
    begin = time.perf_counter()
    names = resolve(proxies)
    with _blamed(model):
        model = _check_model(model)
    batch = _batch(model, inputs, batch_dim)
    seed = seed_of("seed", seed) % 2**63
    if micro_batch is not None and (
        isinstance(micro_batch, bool) or not isinstance(micro_batch, int) or micro_batch < 1
    ):
        raise InvalidInputError(
            f"micro_batch is {short(micro_batch)}: it must be a positive whole number of samples, or None."
        )
    for name, value in (("loss", loss), ("output", output)):
        if not callable(value):
            raise InvalidInputError(f"{name} must be a function, got {short(value)}.")
    if autocast is not None and not (isinstance(autocast, torch.dtype) and autocast.is_floating_point):
        raise InvalidInputError(f"autocast must be a type of numbers such as torch.bfloat16, got {short(autocast)}.")
    settings = _check_options(options, names)
    if not isinstance(memory_format, str) or memory_format not in ("auto", "contiguous", "channels_last"):
        raise InvalidInputError(
            f"memory_format is {short(memory_format)}: it must be 'auto', 'contiguous' or 'channels_last'."
        )
    whole_number = isinstance(ignore_index, int) and not isinstance(ignore_index, bool)
    if not whole_number or abs(ignore_index) > LARGEST_WHOLE:
        raise InvalidInputError(f"ignore_index is {short(ignore_index)}: it must be a whole number, e.g. 255.")
    labels = _labels(targets)
    target_device = None if device is None else device_of("device", device)
    with ExitStack() as stack:
        stack.enter_context(_blamed(model))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(preserved(model, target_device))
        stack.enter_context(torch.enable_grad())
        model.train()
        here: torch.device = next(
            (t.device for t in (*model.parameters(), *model.buffers())), target_device or torch.device("cpu")
        )
        stack.enter_context(torch.autocast(here.type, enabled=False))
        session = Session(
            model,
            batch.map(lambda tensor: tensor.detach().to(here)),
            None if labels is None else labels.to(here),
            loss=loss,
            ignore_index=ignore_index,
            output=output,
            seed=seed,
            micro_batch=micro_batch,
            autocast=autocast,
        )
        if memory_format != "contiguous" and session.prefers_channels_last():
            session.arrange(torch.channels_last)
        recordings, passes = _record(session, names)
        values, failures = _evaluate(names, recordings, settings)
        _distrust(session, names, values, failures)
    return Scores(values, failures, time.perf_counter() - begin, passes)


def output_shape(
    model: nn.Module, inputs: Any, *, output: Callable[[Any], Tensor] = find_logits, batch_dim: BatchDim = "auto"
) -> tuple[int, ...]:
    """Shape of the logits of a model, the batch included. The model is left as it was.

    Raises:
        InvalidInputError: if the model rejects the inputs.
    """
    logits = _probe(model, inputs, batch_dim, Session.once, output)
    return tuple(int(size) for size in logits.shape)


def computes_loss(model: nn.Module, inputs: Any, *, batch_dim: BatchDim = "auto") -> bool:
    """Whether a model returns a loss by itself, as one that is given its labels does. The model is left as it was.

    Raises:
        InvalidInputError: if the model rejects the inputs.
    """

    def returns_loss(session: Session) -> bool:
        session.once()
        return session.returned is not None

    return bool(_probe(model, inputs, batch_dim, returns_loss))


def sample_axis(model: nn.Module, inputs: Any) -> int:
    """The axis on which the model's recurrent and attention layers look for the samples of its first input.

    Raises:
        InvalidInputError: if the model rejects the inputs.
    """

    def find(session: Session) -> int:
        session.settle()
        return session.batch.axis

    return int(_probe(model, inputs, "auto", find))


def _probe(
    model: nn.Module,
    inputs: Any,
    batch_dim: BatchDim,
    ask: Callable[[Session], Any],
    output: Callable[[Any], Tensor] = find_logits,
) -> Any:
    """What a forward pass in training mode tells; the model is left as it was."""
    with _blamed(model), torch.inference_mode(False), preserved(_check_model(model)), torch.no_grad():
        model = _check_model(model)
        model.train()
        session = Session(model, _batch(model, inputs, batch_dim), output=output)
        try:
            return ask(session)
        except Again:
            return ask(session)


def _batch(model: nn.Module, inputs: Any, batch_dim: BatchDim) -> Batch:
    listed = isinstance(batch_dim, str) and batch_dim == "list"
    return Batch(as_arguments(model, inputs, listed=listed), batch_dim)


def resolve(proxies: str | Sequence[str]) -> list[str]:
    """Names of the proxies that names and patterns stand for, each once.

    Raises:
        UnknownNameError: for one that stands for none, with the closest names.
    """
    wanted = [proxies] if isinstance(proxies, str) else listed("proxies", proxies, "names")
    names: list[str] = []
    for name in wanted:
        matches = []
        if isinstance(name, str) and (name == "all" or set("*?[") & set(name)):
            matches = PROXIES.names("*" if name == "all" else name)
        names += matches or [PROXIES.entry(name).name]
    return list(dict.fromkeys(names))


@contextmanager
def _blamed(model: Any) -> Iterator[None]:
    """Within it, what a model raises where it is not called, as from a ``train()`` of its own, is a refusal of the model."""
    try:
        yield
    except (ArchcastError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise InvalidInputError(f"model {type(model).__name__} cannot be scored: {reason(error)}") from error


def _check_model(model: Any) -> nn.Module:
    model = getattr(model, "_orig_mod", model)
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise InvalidInputError(f"model must be a torch.nn.Module written in Python, got {type(model).__name__}.")
    for name, parameter in model.named_parameters():
        if nn.parameter.is_lazy(parameter):
            raise InvalidInputError(
                f"Parameter {name!r} of the model has no shape yet. Call the model once before scoring."
            )
        if parameter.is_inference():
            raise InvalidInputError(f"Parameter {name!r} was made in inference mode and cannot have a gradient.")
        if parameter.is_meta:
            raise InvalidInputError(f"Parameter {name!r} of the model is on the meta device and has no values.")
    return model


def _labels(targets: Any) -> Tensor | None:
    """Labels as a tensor of numbers."""
    if isinstance(targets, Tensor) and targets.is_meta:
        raise InvalidInputError("targets is on the meta device and has no values. Pass labels that are on a device.")
    if targets is None or isinstance(targets, Tensor):
        return targets
    array = array_of("targets", targets)
    return torch.as_tensor(array if array.dtype.kind == "i" else numbers("targets", targets))


def _record(session: Session, names: list[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """Run the passes that the proxies need."""
    wanted = dict.fromkeys(recording for name in names for recording in PROXIES.entry(name).info["recordings"])
    groups: dict[Any, list[str]] = {}
    for recording in wanted:
        groups.setdefault(RECORDINGS[recording], []).append(recording)
    recordings: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for run, group in groups.items():
        start = time.perf_counter()
        recordings |= _attempt(run, session, group)
        seconds[run.__module__.rpartition(".")[2]] = time.perf_counter() - start
    return recordings, seconds


def _attempt(run: Pass, session: Session, group: list[str]) -> dict[str, Any]:
    """Recordings of one pass, or why there are none."""
    session.reseed()
    try:
        if any(RECORDINGS.entry(recording).info["needs"] for recording in group):
            session.settle()
        return run(session, frozenset(group))
    except (UnsafeLayoutError, Again) as again:  # the model was changed, or its layout is: the pass begins anew
        if isinstance(again, UnsafeLayoutError):
            session.arrange(torch.contiguous_format)
    except ModelError as error:
        if session.memory_format != torch.channels_last:
            session.check_inputs()
            return dict.fromkeys(group, ProxyFailure(reason(error)))
        session.arrange(torch.contiguous_format)  # e.g. a model that uses view() on a feature map
    except ProxyFailure as failure:  # a new one: the old one's traceback would keep the pass's tensors alive
        return dict.fromkeys(group, ProxyFailure(str(failure)))
    except ArchcastError:
        raise
    except Exception as error:
        return dict.fromkeys(group, ProxyFailure(reason(error)))
    return _attempt(run, session, group)


def _check_options(
    options: Mapping[str, Mapping[str, float]] | None, names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """The parameters of proxies, each known, finite and above 0."""
    checked: dict[str, dict[str, float]] = {}
    for name, values in ({} if options is None else mapping("options", options, "proxies to parameters")).items():
        if name not in names:
            raise InvalidInputError(f"options holds {short(name)}, which is not one of the proxies asked for.")
        known = parameters_of(name)
        if not isinstance(values, Mapping):
            raise InvalidInputError(
                f"options[{name!r}] is {short(values)}: it must map names of parameters to numbers."
            )
        for key, value in values.items():
            if key not in known:
                has = f"has {', '.join(known)}" if known else "has no parameters"
                raise InvalidInputError(f"options[{name!r}] holds {short(key)}, but the proxy {has}.")
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 < value < LARGEST_SCORE:
                raise InvalidInputError(f"options[{name!r}][{key!r}] is {short(value)}: it must be a number above 0.")
        checked[name] = dict(values)
    return checked


def parameters_of(proxy: str) -> dict[str, float]:
    """Parameters of a proxy, with their defaults: the keyword-only arguments of its function."""
    arguments = inspect.signature(PROXIES[proxy]).parameters.values()
    return {argument.name: argument.default for argument in arguments if argument.kind is argument.KEYWORD_ONLY}


def _distrust(session: Session, names: list[str], values: dict[str, float], failures: dict[str, str]) -> None:
    """Fail what was computed from weights or inputs that are not finite; counts do not depend on them."""
    wrong = next(
        (
            f"the parameter {n!r} of the model"
            for n, p in session.parameters.items()
            if not bool(_stored(p).isfinite().all())
        ),
        None,
    )
    wrong = wrong or next(
        (f"the buffer {n!r} of the model" for n, b in session.model.named_buffers() if bool(_stored(b).isnan().any())),
        None,
    )
    wrong = wrong or next(("the inputs" for t in session.batch.tensors() if bool(t.isnan().any())), None)
    if wrong is None:
        return
    for name in names:
        if name in values and not COUNTS.issuperset(PROXIES.entry(name).info["recordings"]):
            del values[name]
            failures[name] = (
                f"{wrong} {'hold' if wrong == 'the inputs' else 'holds'} a value that is not a finite number"
            )


def _stored(tensor: Tensor) -> Tensor:
    """The numbers that a tensor stores; of a sparse one, those that are not 0."""
    if tensor.layout == torch.strided:
        return tensor
    return (tensor.detach().coalesce() if tensor.layout == torch.sparse_coo else tensor.detach()).values()


def _evaluate(
    names: list[str], recordings: Mapping[str, Any], settings: Mapping[str, Mapping[str, float]]
) -> tuple[dict[str, float], dict[str, str]]:
    values: dict[str, float] = {}
    failures: dict[str, str] = {}
    for name in names:
        entry = PROXIES.entry(name)
        arguments = [recordings[recording] for recording in entry.info["recordings"]]
        failed = next((argument for argument in arguments if isinstance(argument, ProxyFailure)), None)
        if failed is not None:
            failures[name] = str(failed)
            continue
        try:
            value = float(entry.component(*arguments, **settings.get(name, {})))
        except Exception as error:
            failures[name] = reason(error)
            continue
        if math.isfinite(value):
            values[name] = value
        else:
            failures[name] = f"the score is {'not a number' if math.isnan(value) else 'infinite'}"
    return values, failures

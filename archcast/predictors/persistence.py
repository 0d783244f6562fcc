"""Predictors in files: arrays and a JSON description in one zip, never a pickle.

The file is numpy's ``.npz``: every array of the learned state under its own key and, under ``archcast``, JSON that says how they
fit together. Reading executes nothing from the file: arrays are read with ``allow_pickle=False``, classes are looked up in
archcast's registries, and parts of other libraries are checked before use (``_foreign.py``). A fingerprint of the arrays
shows whether one was changed afterwards: a query would only stumble over it. Classes appear by the names under which they are
registered, so that a file outlives a move of the code.

A dataclass that is part of a learned state is registered by ``@saved("its-name")``.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archcast._version import __version__
from archcast.checks import path_of
from archcast.encodings.base import ENCODINGS, Encoder
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError, MissingDependencyError
from archcast.files import read_arrays, write_whole
from archcast.journal import fingerprint
from archcast.names import STATES
from archcast.predictors import _foreign
from archcast.spaces.base import SPACES, SearchSpace, get_space
from archcast.spaces.choices import Choices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archcast.registry import Registry

__all__ = ["COMPONENTS", "STATES", "read_state", "saved", "write_state"]

saved = STATES.register

COMPONENTS: dict[str, tuple[type, Registry[Any]]] = {"encoding": (Encoder, ENCODINGS)}
"""What has parameters and learned attributes: the word for it, its base class, its registry. Predictors add themselves."""

FORMAT = 3
"""Number of the layout described above."""
READS = (1, 2, 3)
"""Layouts that are read. In the first one a dataclass appeared by its module and class."""
RENAMED = {"gp-wl": "gp-wl+"}
"""Names of components in layouts 1 and 2 -> names today."""

_KEY = "archcast"
_CONTENTS = "arrays"
_STATE = re.compile(r"[a-zA-Z]\w*_")


def write_state(path: str | Path, kind: str, value: Any, where: str = "") -> None:
    """Write ``value``, of the kinds that a predictor's state may hold, to ``path``, whole or not at all.

    Args:
        path: the file.
        kind: what it is, a word; :func:`read_state` asks for the same.
        value: arrays, JSON-like values, predictors, ...
        where: what errors call it.

    Raises:
        InvalidInputError: the value holds something that has no safe form, and the message names it; or the folder does not
            exist.
    """
    arrays: dict[str, np.ndarray] = {}
    state = _encode(value, arrays, where or kind)
    tree = {"format": FORMAT, "version": __version__, kind: state, _CONTENTS: fingerprint(arrays)}
    arrays[_KEY] = np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    try:
        write_whole(path, buffer.getvalue())
    except FileNotFoundError as error:
        raise InvalidInputError(
            f"Cannot save to {str(path)!r}: the folder {str(Path(path).parent)!r} does not exist."
        ) from error


def read_state(path: str | Path, kind: str) -> Any:
    """Read what :func:`write_state` wrote. Nothing in the file is executed, whoever wrote it.

    Raises:
        InvalidFileError: no such file, or not a sound file of this format and kind.
        MissingDependencyError: the file needs an optional package.
    """
    path = path_of("path", path)
    try:
        arrays = read_arrays(path)
        tree = json.loads(arrays.pop(_KEY).tobytes())
        if tree["format"] not in READS:
            raise ValueError(
                f"it was written by archcast {tree['version']} in format {tree['format']}, and archcast {__version__} "
                f"reads formats {READS}; install that version or save it again"
            )
        if kind not in tree:
            raise ValueError(f"it holds a {next(key for key in tree if key not in ('format', 'version', _CONTENTS))}")
        contents = fingerprint(arrays)
        value = _decode(tree[kind], arrays, RENAMED if tree["format"] < FORMAT else {})
        if tree.get(_CONTENTS) not in (None, contents):  # earlier versions wrote none
            raise ValueError("its arrays were changed after it was written; save it again")
        return value
    except DataNotFoundError as error:
        raise InvalidFileError(str(error)) from error
    except MissingDependencyError:
        raise
    except Exception as error:  # whatever a foreign or broken file makes a reader stumble over
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InvalidFileError(f"{str(path)!r} is not a {kind} that archcast saved: {reason[:300]}") from error


# -- objects to JSON ---------------------------------------------------------------------------------------------------


def _encode(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype != object:
        return {"$": "array", "key": _store(value, arrays)}
    if isinstance(value, list):
        return [_encode(item, arrays, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, tuple):
        return {"$": "tuple", "items": [_encode(item, arrays, f"{where}[{i}]") for i, item in enumerate(value)]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"$": "dict", "items": {key: _encode(item, arrays, f"{where}[{key!r}]") for key, item in value.items()}}
    if isinstance(value, Choices):
        return {"$": "choices", "description": value.to_dict()}
    if isinstance(value, SearchSpace):
        return {"$": "space", "name": _registered(SPACES, value, where)}
    for kind, (base, registry) in COMPONENTS.items():
        if isinstance(value, base):
            return {"$": kind, "name": _registered(registry, value, where), **_parts(value, arrays, where)}
    if dataclasses.is_dataclass(value) and STATES.name_of(type(value)) is not None:
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {
            "$": "dataclass",
            "type": STATES.name_of(type(value)),
            "fields": {key: _encode(item, arrays, f"{where}.{key}") for key, item in fields.items()},
        }
    root = type(value).__module__.split(".")[0]
    if root in _foreign.LIBRARIES:
        try:
            data = _foreign.dumps(root, value)
        except ValueError as error:
            raise InvalidInputError(f"{where} cannot be saved: {error}.") from error
        return {"$": root, "key": _store(np.frombuffer(data, dtype=np.uint8), arrays)}
    raise InvalidInputError(f"{where} is a {type(value).__qualname__}, which cannot be saved.")


def _parts(value: Any, arrays: dict[str, np.ndarray], where: str) -> Mapping[str, Any]:
    """Parameters and learned attributes of a component."""
    params = value.get_params(deep=False)
    state = {key: item for key, item in vars(value).items() if key not in params}
    for key in state:
        if not _STATE.fullmatch(key):
            raise InvalidInputError(f"{where}.{key} cannot be saved: learned attributes end in an underscore.")
    return {
        "params": {key: _encode(item, arrays, f"{where}.{key}") for key, item in params.items()},
        "state": {key: _encode(item, arrays, f"{where}.{key}") for key, item in state.items()},
    }


def _store(value: np.ndarray, arrays: dict[str, np.ndarray]) -> str:
    key = f"a{len(arrays)}"
    arrays[key] = value
    return key


def _registered(registry: Any, value: Any, where: str) -> str:
    name = registry.name_of(type(value))
    if name is None:
        raise InvalidInputError(
            f"{where}: {type(value).__qualname__} is not registered. Decorate it with @register(name)."
        )
    return str(name)


def _decode(tree: Any, arrays: dict[str, np.ndarray], renamed: Mapping[str, str]) -> Any:
    """The object; ``renamed`` has today's name of a component for the one in the file."""
    if isinstance(tree, list):
        return [_decode(item, arrays, renamed) for item in tree]
    if not isinstance(tree, dict):
        return tree
    kind = tree["$"]
    if kind == "array":
        return arrays[tree["key"]]
    if kind == "tuple":
        return tuple(_decode(item, arrays, renamed) for item in tree["items"])
    if kind == "dict":
        return {key: _decode(item, arrays, renamed) for key, item in tree["items"].items()}
    if kind == "space":
        return get_space(tree["name"])
    if kind == "choices":
        return Choices.from_dict(tree["description"])
    if kind in COMPONENTS:
        registry = COMPONENTS[kind][1]
        out = registry[renamed.get(tree["name"], tree["name"])](
            **{key: _decode(item, arrays, renamed) for key, item in tree["params"].items()}
        )
        for key, item in tree["state"].items():
            if not _STATE.fullmatch(key):
                raise ValueError(f"{key!r} is not the name of a learned attribute")
            setattr(out, key, _decode(item, arrays, renamed))
        return out
    if kind == "dataclass":
        return STATES[_state_name(tree["type"])](
            **{key: _decode(item, arrays, renamed) for key, item in tree["fields"].items()}
        )
    if kind not in _foreign.LIBRARIES:
        raise ValueError(f"it holds a part of unknown kind {kind!r}")
    return _foreign.loads(kind, arrays[tree["key"]].tobytes())


def _state_name(written: Any) -> str:
    """The registered name; of a module and a class, as the first layout has them, that of the class."""
    if isinstance(written, list):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", str(written[-1])).lower()
    return str(written)

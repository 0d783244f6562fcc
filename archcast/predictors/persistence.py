"""Predictors in files: arrays and a JSON description in one zip, never a pickle.

The file is numpy's ``.npz``: every array of the learned state under its own key and, under ``archcast``, JSON that says how they
fit together. Reading executes nothing from the file: arrays are read with ``allow_pickle=False``, classes are looked up in
archcast's registries, scikit-learn and NGBoost parts go through ``skops.io`` with a fixed list of trusted types, boosted trees
through their library's own text format.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from archcast._version import __version__
from archcast.encodings.base import ENCODINGS, Encoder
from archcast.errors import ArchcastError, InvalidFileError, InvalidInputError
from archcast.predictors.base import PREDICTORS, Predictor
from archcast.spaces.base import SPACES, SearchSpace, get_space

__all__ = ["load", "save"]

_KEY = "archcast"


def save(predictor: Predictor, path: str | Path) -> None:
    """Write ``predictor`` to ``path``, whole or not at all.

    Raises:
        InvalidInputError: the learned state holds something that has no safe form; the message names the attribute.
    """
    arrays: dict[str, np.ndarray] = {}
    tree = {"version": __version__, "predictor": _encode(predictor, arrays, type(predictor).__name__)}
    arrays[_KEY] = np.frombuffer(json.dumps(tree, allow_nan=True).encode(), dtype=np.uint8)
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(path: str | Path) -> Predictor:
    """Read a predictor that :func:`save` wrote.

    Raises:
        InvalidFileError: not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        tree = json.loads(arrays.pop(_KEY).tobytes())
        predictor = _decode(tree["predictor"], arrays)
    except FileNotFoundError as error:
        raise InvalidFileError(f"No file {str(path)!r}.") from error
    except (
        ArchcastError,
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        raise InvalidFileError(f"{str(path)!r} is not a predictor that archcast saved: {error}") from error
    if not isinstance(predictor, Predictor):
        raise InvalidFileError(f"{str(path)!r} does not hold a predictor.")
    return predictor


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
    if isinstance(value, SearchSpace):
        return {"$": "space", "name": _registered(SPACES, value, where)}
    if isinstance(value, (Predictor, Encoder)):
        kind, registry = ("predictor", PREDICTORS) if isinstance(value, Predictor) else ("encoding", ENCODINGS)
        params = value.get_params(deep=False)
        state = {key: item for key, item in vars(value).items() if key not in params}
        return {
            "$": kind,
            "name": _registered(registry, value, where),
            "params": {key: _encode(item, arrays, f"{where}.{key}") for key, item in params.items()},
            "state": {key: _encode(item, arrays, f"{where}.{key}") for key, item in state.items()},
        }
    if dataclasses.is_dataclass(value) and type(value).__module__.startswith("archcast."):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {
            "$": "dataclass",
            "type": [type(value).__module__, type(value).__qualname__],
            "fields": {key: _encode(item, arrays, f"{where}.{key}") for key, item in fields.items()},
        }
    root = type(value).__module__.split(".")[0]
    if root in _FOREIGN:
        return {"$": root, "key": _store(np.frombuffer(_FOREIGN[root][0](value), dtype=np.uint8), arrays)}
    raise InvalidInputError(f"{where} is a {type(value).__qualname__}, which cannot be saved.")


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


def _decode(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(tree, list):
        return [_decode(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    kind = tree["$"]
    if kind == "array":
        return arrays[tree["key"]]
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in tree["items"])
    if kind == "dict":
        return {key: _decode(item, arrays) for key, item in tree["items"].items()}
    if kind == "space":
        return get_space(tree["name"])
    if kind in ("predictor", "encoding"):
        registry: Any = PREDICTORS if kind == "predictor" else ENCODINGS
        component = registry[tree["name"]]
        out = component(**{key: _decode(item, arrays) for key, item in tree["params"].items()})
        vars(out).update({key: _decode(item, arrays) for key, item in tree["state"].items()})
        return out
    if kind == "dataclass":
        module, name = tree["type"]
        if not module.startswith("archcast."):
            raise ValueError(f"type {module}.{name} is not archcast's")
        cls = getattr(importlib.import_module(module), name)
        if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
            raise ValueError(f"{module}.{name} is not a dataclass")
        return cls(**{key: _decode(item, arrays) for key, item in tree["fields"].items()})
    return _FOREIGN[kind][1](arrays[tree["key"]].tobytes())


# -- parts from other libraries ----------------------------------------------------------------------------------------


def _skops_dumps(value: Any) -> bytes:
    import skops.io

    return bytes(skops.io.dumps(value))


def _skops_loads(data: bytes) -> Any:
    import skops.io

    prefixes = (
        "ngboost.distns.",
        "ngboost.ngboost.",
        "ngboost.api.",
        "ngboost.manifold.",
        "ngboost.scores.",
        "sklearn.tree.",
    )
    trusted = [name for name in skops.io.get_untrusted_types(data=data) if name.startswith(prefixes)]
    return skops.io.loads(data, trusted=trusted)


def _xgboost_dumps(value: Any) -> bytes:
    return bytes(value.save_raw("ubj"))


def _xgboost_loads(data: bytes) -> Any:
    import xgboost

    return xgboost.Booster(model_file=bytearray(data))


def _lightgbm_dumps(value: Any) -> bytes:
    return str(value.model_to_string()).encode()


def _lightgbm_loads(data: bytes) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=data.decode())


_FOREIGN = {
    "sklearn": (_skops_dumps, _skops_loads),
    "ngboost": (_skops_dumps, _skops_loads),
    "xgboost": (_xgboost_dumps, _xgboost_loads),
    "lightgbm": (_lightgbm_dumps, _lightgbm_loads),
}
"""Library -> (object to bytes, bytes to object). For xgboost and lightgbm the object is a ``Booster``."""

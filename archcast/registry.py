"""Name -> component, filled by a decorator in the file that defines the component.

A component lives in a module named after it (``xgboost-rank`` in ``xgboost.py``, ``gp-wl`` in ``gp_wl.py``, ``omni+`` in
``omni_plus.py``), so looking one up imports that module alone and torch is never loaded to fit a forest. Listing the names
imports every module of the folder whose name does not begin with an underscore: those hold networks and the like, imported
by their users on demand.
"""

from __future__ import annotations

import difflib
import fnmatch
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from archcast.errors import InvalidInputError, UnknownNameError

__all__ = ["Entry", "Registry", "closest", "natural_key"]

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A registered component and what is said of it: ``info`` holds e.g. ``summary`` and ``paper``."""

    name: str
    component: T
    info: Mapping[str, Any]


def natural_key(name: str) -> list[tuple[bool, str | int]]:
    """Sort key that puts ``nasbench101`` before ``nasbench201`` and ``a2`` before ``a10``."""
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", name)]


def closest(name: str, names: list[str]) -> str:
    """Return the end of an error message: close names if there are any, else all of them."""
    near = difflib.get_close_matches(str(name).lower(), names, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}? Available: {', '.join(names)}."
    return f"Available: {', '.join(names)}."


class Registry(Generic[T]):
    """The components of one kind, e.g. predictors.

    Args:
        kind: what an entry is called in messages, e.g. ``"predictor"``.
        package: dotted name of the folder whose modules register themselves.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._entries: dict[str, Entry[T]] = {}

    def register(self, name: str, **info: Any) -> Callable[[T], T]:
        """Decorator: add the decorated class under ``name``; a second class of that name is an error."""
        if not re.fullmatch(r"[a-z0-9]+([-_][a-z0-9]+)*\+?", name):
            raise InvalidInputError(
                f"{self.kind} name {name!r} must be lower-case letters and digits with hyphens, and at most a + at its end."
            )

        def add(component: T) -> T:
            old = self._entries.get(name)
            if old is not None and _origin(old.component) != _origin(component):
                raise InvalidInputError(
                    f"{self.kind} {name!r} is registered already, by {_origin(old.component)}. Choose another name."
                )
            self._entries[name] = Entry(name, component, MappingProxyType(info))
            return component

        return add

    def entry(self, name: str) -> Entry[T]:
        """Return the entry called ``name``.

        Raises:
            UnknownNameError: with the closest names.
        """
        if isinstance(name, str) and name not in self._entries:
            self._import_module_of(name)
        if isinstance(name, str) and name in self._entries:
            return self._entries[name]
        raise UnknownNameError(f"Unknown {self.kind} {name!r}. {closest(name, self.names())}")

    def __getitem__(self, name: str) -> T:
        return self.entry(name).component

    def name_of(self, component: T) -> str | None:
        """The name under which ``component`` is registered, or ``None``."""
        return next((name for name, entry in self._entries.items() if entry.component is component), None)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __len__(self) -> int:
        return len(self.names())

    def names(self, pattern: str = "*") -> list[str]:
        """All names that match a shell pattern such as ``"gp*"``, in natural order."""
        for module in self._modules():
            importlib.import_module(f"{self.package}.{module}")
        return sorted(fnmatch.filter(self._entries, pattern), key=natural_key)

    def _modules(self) -> list[str]:
        path = importlib.import_module(self.package).__path__
        return [m.name for m in pkgutil.iter_modules(path) if not m.ispkg and not m.name.startswith("_")]

    def _import_module_of(self, name: str) -> None:
        """Import the module with the longest name that begins ``name``; all of them if that does not register it."""
        flat = name.replace("-", "_").replace("+", "_plus")
        for module in sorted((m for m in self._modules() if flat.startswith(m)), key=len, reverse=True):
            importlib.import_module(f"{self.package}.{module}")
            if name in self._entries:
                return
        self.names()


def _origin(component: Any) -> str:
    return f"{getattr(component, '__module__', '')}.{getattr(component, '__qualname__', component)}"

"""Name -> component, filled by a decorator in the file that defines the component.

A component lives in a module named after it: ``gp-wl`` in ``gp_wl.py``, ``omni+`` in ``omni_plus.py``, ``one-shot-darts`` in
``one_shot/darts.py``; variants of one component share its file (``path-truncated`` in ``path.py``). Which names there are is
read from the text of the files, where every decorator stands at the start of a line with its name as a literal. So looking a
name up imports one module, and a mistyped name is answered before anything heavy is loaded.
"""

from __future__ import annotations

import difflib
import fnmatch
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from archcast.errors import InvalidInputError, UnknownNameError, short

if TYPE_CHECKING:
    import sys

    if sys.version_info >= (3, 11):
        from importlib.resources.abc import Traversable
    else:
        from importlib.abc import Traversable

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


def closest(name: object, names: list[str]) -> str:
    """Return the end of an error message: close names if there are any, else all of them."""
    near = difflib.get_close_matches(name[:200].lower(), names, n=3, cutoff=0.5) if isinstance(name, str) else []
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}? Available: {', '.join(names)}."
    return f"Available: {', '.join(names)}." if names else "There is none."


class Registry(Generic[T]):
    """The components of one kind, e.g. predictors.

    Args:
        kind: what an entry is called in messages, e.g. ``"predictor"``.
        package: dotted name of the folder whose modules, those of its subfolders included, register themselves.
        decorator: name under which these modules know :meth:`register`.
    """

    def __init__(self, kind: str, package: str, decorator: str = "register") -> None:
        self.kind = kind
        self.package = package
        self.decorator = decorator
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
        if isinstance(name, str) and name not in self._entries and name in self.index:
            importlib.import_module(self.index[name])
        if isinstance(name, str) and name in self._entries:
            return self._entries[name]
        raise UnknownNameError(f"Unknown {self.kind} {short(name)}. {closest(name, self.names())}")

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
        """All names that match a shell pattern such as ``"gp*"``, in natural order; nothing is imported."""
        return sorted(fnmatch.filter(self.index.keys() | self._entries.keys(), pattern), key=natural_key)

    @cached_property
    def index(self) -> Mapping[str, str]:
        """Name of a component -> dotted name of its module, for the components of ``package``."""
        found: dict[str, str] = {}
        pattern = re.compile(rf'^@(?:\w+\.)*{self.decorator}\(\s*"([^"]+)"', re.MULTILINE)
        root, *inner = self.package.split(".")
        for module, text in _sources(files(root).joinpath(*inner), self.package):
            found |= dict.fromkeys(pattern.findall(text), module)
        return found


def _sources(folder: Traversable, package: str) -> Iterator[tuple[str, str]]:
    """Dotted name and text of every module in a folder and its subfolders."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir() and (item / "__init__.py").is_file():
            yield from _sources(item, f"{package}.{item.name}")
        elif item.name.endswith(".py"):
            yield f"{package}.{item.name[:-3]}", item.read_text(encoding="utf-8")


def _origin(component: Any) -> str:
    return f"{getattr(component, '__module__', '')}.{getattr(component, '__qualname__', component)}"

"""The version of archcast, and of the software that its results depend on."""

from __future__ import annotations

import platform
import re
from importlib import metadata

__all__ = ["__version__", "versions"]

__version__ = "0.1.0"

ALWAYS = ("numpy", "scikit-learn", "scipy", "torch")
"""Packages that count even where archcast runs from a source folder and nobody knows what it depends on."""


def versions() -> dict[str, str]:
    """Of Python, archcast and every package that archcast depends on, by name.

    Examples:
        >>> {"python", "archcast", "numpy"} <= set(versions())
        True
    """
    found = {"python": platform.python_version(), "archcast": __version__}
    try:
        needed = metadata.requires("archcast") or []
    except metadata.PackageNotFoundError:  # run from a source folder
        needed = []
    names = {re.split(r"[^\w.-]", line)[0] for line in needed if "extra ==" not in line}
    for name in sorted(names | set(ALWAYS)):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found

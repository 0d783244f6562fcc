"""Without the package behind it, an integration says what installs it; archcast works without any of them."""

from __future__ import annotations

import importlib
import sys

import pytest

from archcast.errors import MissingDependencyError


@pytest.mark.parametrize("package", ["optuna", "botorch"])
def test_a_missing_package_is_named_with_its_install_line(package: str, monkeypatch) -> None:
    for name in list(sys.modules):
        if name.split(".")[0] == package or name == f"archcast.integrations.{package}":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"pip install 'archcast\[{package}\]'"):
        importlib.import_module(f"archcast.integrations.{package}")

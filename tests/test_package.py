"""The package as a whole: cheap to import, layered, documented, typed."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import archcast
from archcast.predictors import PREDICTORS

ROOT = Path(archcast.__file__).parent
MODULES = sorted(m.name for m in pkgutil.walk_packages([str(ROOT)], "archcast.") if not m.name.endswith("__main__"))

LAYERS = {
    # a folder -> the folders of archcast that it may import; errors, registry, graphs and _version are everyone's
    "spaces": {"spaces"},
    "proxies": {"proxies"},
    "encodings": {"encodings", "spaces"},
    "predictors": {"predictors", "encodings", "spaces", "proxies"},
    "data": {"data", "predictors", "spaces"},
    "evaluation": {"evaluation", "data", "predictors", "encodings", "proxies", "spaces"},
    "search": {"search", "evaluation", "data", "predictors", "encodings", "spaces"},
    "training": {"training", "data", "proxies", "spaces"},
    "integrations": {"integrations", "search", "predictors", "encodings", "spaces"},
    "testing": {"testing", "search", "predictors", "encodings", "spaces"},
}


def imports(path: Path) -> set[str]:
    """Folders of archcast that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[1] for name in names if name.startswith("archcast.")}


FOLDERS = sorted(path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file() and path.name != "cli")


@pytest.mark.parametrize("folder", FOLDERS)
def test_arrows_point_down(folder: str) -> None:
    shared = {"errors", "registry", "graphs", "_version"}
    for path in (ROOT / folder).rglob("*.py"):
        above = imports(path) - LAYERS[folder] - shared
        assert not above, f"{path.relative_to(ROOT)} imports {sorted(above)}, which is not below it"


def test_every_folder_has_its_layer() -> None:
    assert {"spaces", "encodings", "predictors", "evaluation"} <= set(FOLDERS)
    assert set(FOLDERS) <= set(LAYERS), "give the new folder its place in LAYERS"


def test_evaluation_names_no_concrete_predictor() -> None:
    names = set(PREDICTORS.names()) - {"evidence"}  # the name of an argument, too
    for path in (ROOT / "evaluation").rglob("*.py"):
        strings = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
        assert not names & {s for s in strings if isinstance(s, str)}, path.name


def test_import_is_cheap() -> None:
    code = "import sys, archcast; archcast.get_space; print(*[m for m in ('torch', 'sklearn', 'scipy') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == []


def test_command_line_starts_without_heavy_imports() -> None:
    code = "import sys, archcast.cli; print(*[m for m in ('torch', 'numpy', 'pandas', 'sklearn') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == []


def test_a_forest_needs_no_torch() -> None:
    code = (
        "import sys, archcast; s = archcast.get_space('nasbench201'); a = s.sample(9, 0);"
        "archcast.get_predictor('random-forest', space=s).init(a, a.sum(1)).query(a); print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_documented_and_their_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} has no docstring"
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.parametrize("name", [m for m in MODULES if "._" not in m])
def test_public_names_are_documented(name: str) -> None:
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", []):
        value = getattr(module, public)
        if isinstance(value, type) or callable(value):
            assert (value.__doc__ or "").strip(), f"{name}.{public} has no docstring"


def test_public_api_resolves() -> None:
    for name in archcast.__all__:
        assert getattr(archcast, name) is not None
    assert (ROOT / "py.typed").is_file()

"""The package as a whole: cheap to import, layered, documented, typed."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archcast
from archcast.data.base import BENCHMARKS
from archcast.encodings.base import ENCODINGS
from archcast.names import FUNCTIONS
from archcast.predictors.base import PREDICTORS
from archcast.proxies.base import PROXIES
from archcast.registry import Registry
from archcast.search.base import STRATEGIES
from archcast.spaces.base import SPACES

ROOT = Path(archcast.__file__).parent
REGISTRIES = [BENCHMARKS, ENCODINGS, FUNCTIONS, PREDICTORS, PROXIES, SPACES, STRATEGIES]
MODULES = sorted(m.name for m in pkgutil.walk_packages([str(ROOT)], "archcast.") if not m.name.endswith("__main__"))

SOURCES = {
    name: spec.origin for name in MODULES if (spec := importlib.util.find_spec(name)) is not None and spec.origin
}

LAYERS = (
    # from the bottom up: what stands in a row may import what stands in the rows below it, and nothing beside it
    ("_version", "errors"),
    ("faces", "registry"),
    ("checks",),
    ("evidence", "files", "graphs", "torch_state"),
    ("journal", "names"),
    ("costs",),
    ("spaces",),
    ("encodings", "proxies", "zoo"),
    ("data",),
    ("training",),
    ("supernets",),
    ("predictors",),
    ("reports",),
    ("evaluation", "forecasting", "search"),
    ("choosing", "joint", "surrogates"),
    ("integrations", "testing"),
    ("cli",),
)
HEIGHT = {name: height for height, row in enumerate(LAYERS) for name in row}
KNOWS_NO_SPACES = {"proxies", "reports"}


def imports(path: Path) -> set[str]:
    """Modules of archcast that a file imports, deferred imports and those for types included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module in {"archcast", *MODULES}:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
            names |= inner or {node.module}
    return names - {"archcast"}


def place(module: str) -> str:
    """The folder, or the file, that stands directly in the package."""
    return module.split(".")[1]


@pytest.mark.parametrize("name", sorted({place(name) for name in MODULES}))
def test_arrows_point_down(name: str) -> None:
    assert name in HEIGHT, f"give {name} its place in LAYERS"
    files = (ROOT / name).rglob("*.py") if (ROOT / name).is_dir() else [ROOT / f"{name}.py"]
    for path in files:
        for other in {place(module) for module in imports(path)} - {name}:
            assert HEIGHT[other] < HEIGHT[name], f"{path.relative_to(ROOT)} imports {other}, which is not below it"
            assert (name, other) not in {(n, "spaces") for n in KNOWS_NO_SPACES}, path.name


def test_no_imports_go_round_in_a_circle() -> None:
    """Not even inside a folder; deferred imports and those for types count."""
    below = {name: imports(Path(source)) - {name} for name, source in SOURCES.items()}
    while True:
        free = [name for name, others in below.items() if not others & set(below)]
        if not free:
            break
        for name in free:
            del below[name]
    assert not below, f"these import each other: {sorted(below)}"


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_a_component_lives_in_a_module_of_its_name(registry: Registry[Any]) -> None:
    """The module, with its folders or without, is named like the component, or like it up to the name of a variant."""
    for name, module in registry.index.items():
        flat = name.replace("+", "-plus").replace("_", "-") + "-"
        parts = module.removeprefix(f"{registry.package}.").replace("_", "-").split(".")
        names = {"-".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1)}
        assert any(flat.startswith(f"{own}-") for own in names), f"{name!r} stands in {module}"


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_names_are_read_from_the_text_as_imports_register_them(registry: Registry[Any]) -> None:
    for module in MODULES:
        if module.startswith(registry.package + "."):
            importlib.import_module(module)
    own = {name for name, entry in registry._entries.items() if entry.component.__module__.startswith("archcast.")}
    assert own == set(registry.index)
    assert own


def test_the_family_of_a_predictor_is_its_folder() -> None:
    for name in PREDICTORS:
        folder = PREDICTORS.index[name].split(".")[2]
        assert PREDICTORS.entry(name).info["family"] == folder.replace("_", "-"), name


def test_the_family_of_a_predictor_is_its_row_in_the_docs() -> None:
    docs = Path(__file__).parents[1] / "docs"
    rows = re.findall(
        r"^\| `([a-z-]+)`[^|]*\|([^|]*)\|", (docs / "predictors.md").read_text().split("## Using one")[0], re.M
    )
    listed = {(family, name) for family, names in rows for name in re.findall("`([^`]+)`", names)}
    listed |= {("one-shot", name) for name in re.findall("`(one-shot[^`]*)`", (docs / "one-shot.md").read_text())}
    assert {(PREDICTORS.entry(name).info["family"], name) for name in PREDICTORS.names()} <= listed


def test_the_readme_lists_every_page() -> None:
    root = Path(__file__).parents[1]
    readme = (root / "README.md").read_text()
    for page in (root / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in readme, page.name


def test_evaluation_names_no_concrete_predictor() -> None:
    names = set(PREDICTORS.names()) - {"evidence"}  # the name of an argument, too
    for path in (ROOT / "evaluation").rglob("*.py"):
        strings = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
        assert not names & {s for s in strings if isinstance(s, str)}, path.name


def test_nothing_seeds_all_devices_at_once() -> None:
    """``torch.manual_seed`` seeds CUDA too, which ``fork_rng`` gives back for the devices that it is told of alone."""
    for path in ROOT.rglob("*.py"):
        if "testing" not in path.relative_to(ROOT).parts:  # the checks seed it to see that nothing else does
            calls = [
                ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
            ]
            assert "torch.manual_seed" not in calls, path.name


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


def load(name: str) -> Any:
    """A module; the test is skipped if it is a part of a framework that is not installed."""
    for framework in ("keras", "lightning"):
        if name == f"archcast.integrations.{framework}":
            pytest.importorskip(framework, reason=f"{framework} is not installed")
    return importlib.import_module(name)


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_documented_and_their_examples_run(name: str) -> None:
    module = load(name)
    assert (module.__doc__ or "").strip(), f"{name} has no docstring"
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.parametrize("name", [m for m in MODULES if "._" not in m])
def test_public_names_are_documented(name: str) -> None:
    module = load(name)
    for public in getattr(module, "__all__", []):
        value = getattr(module, public)
        if isinstance(value, type) or callable(value):
            assert (value.__doc__ or "").strip(), f"{name}.{public} has no docstring"


def test_public_api_resolves() -> None:
    for name in archcast.__all__:
        assert getattr(archcast, name) is not None
    assert (ROOT / "py.typed").is_file()


@pytest.mark.parametrize(
    "command",
    [
        "bench digits --predictors gp,stak",
        "bench digits --predictors omny:without=curve",
        "bench digitz",
        "bench nats-tsss/cifar10",
        "bench digits --encoding adjacenzy",
        "search --strategy randm",
        "train --space nasbench20",
        "score --space nasbench20 --sample 1",
        "fit table.csv --predictor stak",
        "score --space nasbench201 --sample 1 --proxies synflw,vote",
        "oneshot train net.npz --method one-shot-dart",
    ],
)
def test_the_command_line_refuses_a_mistyped_name_before_anything_heavy_is_loaded(command: str) -> None:
    code = (
        "import sys; from archcast.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as stop: assert stop.code, stop\n"
        "print(*[m for m in ('torch', 'numpy', 'scipy', 'sklearn', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code, *command.split()], capture_output=True, text=True, check=True)
    assert out.stdout.split() == []
    assert out.stderr.startswith("error: Unknown "), out.stderr
    assert "Did you mean" in out.stderr


def test_a_mistyped_name_is_refused_before_anything_heavy_is_loaded() -> None:
    code = (
        "import sys, archcast\n"
        "for make in (archcast.get_predictor, archcast.get_encoding, archcast.get_strategy):\n"
        "    try: make('no-such-name', 'nasbench201')\n"
        "    except archcast.ArchcastError as error: assert 'Unknown' in str(error), error\n"
        "print(*[m for m in ('torch', 'numpy', 'scipy', 'sklearn', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == []

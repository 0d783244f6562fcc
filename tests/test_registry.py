"""Names, lazy imports and messages of a registry, on a package made for the test."""

from __future__ import annotations

import importlib
import sys

import pytest

from archcast.errors import InvalidInputError, UnknownNameError
from archcast.registry import Registry, closest, natural_key

MODULE = """
from {package} import registry

@registry.register("{name}", summary="about {name}")
class Component:
    pass
"""


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry over a folder with ``tree.py``, ``tree_big.py``, ``gp2.py``, ``gp10.py`` and a private module."""
    package = f"components_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / package
    folder.mkdir()
    names = {"tree": "tree", "tree_big": "tree-big", "gp2": "gp2", "gp10": "gp10", "odd": "other-name"}
    (folder / "__init__.py").write_text(
        f"from archcast.registry import Registry\nregistry = Registry('part', '{package}')\n"
    )
    for module, name in names.items():
        (folder / f"{module}.py").write_text(MODULE.format(package=package, name=name))
    (folder / "_private.py").write_text("raise RuntimeError('a private module was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(package).registry
    for module in [m for m in sys.modules if m.split(".")[0] == package]:
        del sys.modules[module]


def imported(registry):
    return {m.rsplit(".", 1)[1] for m in sys.modules if m.startswith(registry.package + ".")}


def test_lookup_imports_one_module(registry):
    assert registry["tree-big"].__name__ == "Component"
    assert imported(registry) == {"tree_big"}
    assert registry.entry("tree").info == {"summary": "about tree"}
    assert imported(registry) == {"tree", "tree_big"}


def test_component_in_a_module_of_another_name_is_found(registry):
    assert registry.entry("other-name").name == "other-name"


def test_names_are_in_natural_order(registry):
    assert registry.names() == list(registry) == ["gp2", "gp10", "other-name", "tree", "tree-big"]
    assert registry.names("gp*") == ["gp2", "gp10"]
    assert registry.names("nothing*") == []
    assert len(registry) == 5
    assert "tree" in registry
    assert "bush" not in registry


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "tre",
            "Unknown part 'tre'. Did you mean 'tree' or 'tree-big'? Available: gp2, gp10, other-name, tree, tree-big.",
        ),
        ("zzz", "Unknown part 'zzz'. Available: gp2, gp10, other-name, tree, tree-big."),
        (3, "Unknown part 3. Available: gp2, gp10, other-name, tree, tree-big."),
    ],
)
def test_unknown_name(registry, name, message):
    with pytest.raises(UnknownNameError) as caught:
        registry[name]
    assert str(caught.value) == message


def test_duplicate_is_an_error_and_reload_is_not(registry):
    module = sys.modules[registry["tree"].__module__]
    importlib.reload(module)
    with pytest.raises(InvalidInputError, match=r"part 'tree' is registered already, by .*tree\.Component"):
        registry.register("tree")(type("Other", (), {}))


@pytest.mark.parametrize("name", ["Tree", "two words", "-tree", "tree-", "", "a--b", "+", "+a", "a+b", "a++"])
def test_names_are_lower_case_with_hyphens(name):
    with pytest.raises(
        InvalidInputError, match="lower-case letters and digits with hyphens, and at most a \\+ at its end"
    ):
        Registry("part", "archcast.spaces").register(name)


def test_a_name_with_a_plus_has_a_module_of_its_own(registry):
    folder = next(iter(importlib.import_module(registry.package).__path__))
    with open(f"{folder}/tree_plus.py", "w", encoding="utf-8") as file:
        file.write(MODULE.format(package=registry.package, name="tree+"))
    importlib.invalidate_caches()
    assert registry.entry("tree+").info == {"summary": "about tree+"}
    assert imported(registry) == {"tree_plus"}


def test_info_cannot_be_changed(registry):
    with pytest.raises(TypeError):
        registry.entry("tree").info["summary"] = "other"


def test_natural_key():
    assert sorted(["a10", "a2", "b1", "a"], key=natural_key) == ["a", "a2", "a10", "b1"]
    assert sorted(["x", "10", "9"], key=natural_key) == ["9", "10", "x"]


def test_closest_ignores_case():
    assert closest("XGBOOST", ["xgboost", "gp"]).startswith("Did you mean 'xgboost'?")

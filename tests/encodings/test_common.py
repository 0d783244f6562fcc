"""Every registered encoding on a space of each file through every common check; a new one is tested without an edit here."""

from __future__ import annotations

import re
from pickle import PicklingError

import numpy as np
import pytest

from archcast.encodings._decisions import families
from archcast.encodings.base import ENCODINGS, Encoder, get_encoding
from archcast.errors import InvalidInputError
from archcast.spaces.base import SPACES, get_space
from archcast.testing import check_encoding, encoding_checks

NAMES = ENCODINGS.names()
CHECKS = encoding_checks()
ALIKE = {"hierarchical-nasbench201-flexible"}
"""Spaces of a file of their own that differ from another in their numbers and operations alone; this one has 1,173 decisions."""
FIRST = sorted({*{SPACES.index[name]: name for name in reversed(SPACES.names())}.values()} - ALIKE)
"""One of the spaces of each file: those of one file differ in their numbers and operations alone."""


@pytest.mark.parametrize("space", FIRST)
@pytest.mark.parametrize("name", NAMES)
def test_encoding_keeps_the_contract(name, space):
    """All checks in one test, because there are 13,000 of them; a failure names its check."""
    if not is_refused(name, space) and space in ENOUGH.get(name, (space,)):
        check_encoding(get_encoding(name, space, **SMALL.get(name, {})))


ENOUGH = {"structure": ("nats-size",), "arch2vec": ("nasbench101",), "cate": ("nasbench101",)}
"""Encoding that builds or trains networks -> spaces that it goes through all checks on; on the others two rows are encoded."""
SMALL = {"arch2vec": {"epochs": 1}, "cate": {"epochs": 1}}
REFUSALS = {
    "structure": r"describes architectures only: it cannot build networks|describes networks of images, and those of space",
    "graph-features": r"more than 100000\b.* Use an encoding that lists no paths",
    "path": r"more than (100000|2\*\*63)\b.* Use .*encoding",
    "counts": r"describes architectures only: it cannot build networks|all cost the same",
    "layers-so-far": r"counts the layers of chains, and those of space .* are none\. Use ",
}
"""Encoding, or how its name begins -> why it refuses some spaces: it lists or numbers paths, counts costs, or layers of chains."""


def is_refused(name, space):
    """Whether an encoding has nothing to say of a space, and says so, or has no features of it."""
    if name == "totals" and not families(get_space(space)):
        return True  # no two decisions are alike
    try:
        rows = get_space(space).sample(2 if name in ENOUGH else 6, 0)
        get_encoding(name, space, **SMALL.get(name, {})).fit(rows).transform(rows)
    except InvalidInputError as error:
        refusal = str(error)
    else:
        return False
    pattern = next((pattern for start, pattern in REFUSALS.items() if name.startswith(start)), None)
    if not get_space(space).has_graph and name not in ("layers-so-far", "structure"):
        pattern = "has no cell graph"
    assert pattern is not None, f"{name} refuses {space}: {refusal}"
    assert re.search(pattern, refusal)
    return True


def test_battery_is_complete(request):
    """N encodings x S spaces were collected, and there are many checks."""
    assert len(CHECKS) == len(set(CHECKS)) >= 10
    assert set(NAMES) >= {
        "adjacency",
        "adjacency-categorical",
        "adjacency-continuous",
        "gnn",
        "graph-features",
        "graph-features-raw",
        "path",
        "path-categorical",
        "path-continuous",
        "path-truncated",
        "wl",
    }
    if request.config.option.keyword or "::" in "".join(request.config.args):
        pytest.skip("only a part of the battery was asked for")
    items = [item for item in request.session.items if item.name.startswith("test_encoding_keeps_the_contract[")]
    assert len(items) == len(NAMES) * len(FIRST)


@pytest.mark.parametrize("name", NAMES)
def test_registry_entry_says_what_the_encoding_is(name):
    info = ENCODINGS.entry(name).info
    assert info["summary"]
    assert "http" in info["paper"] or "archcast" in info["paper"]


class Faulty(Encoder):
    """The row as it is; what is wrong with it is set by the test."""

    def _encode(self, space, archs):
        return archs

    def _names(self, space):
        return list(space.columns)


def stores_more(self, space):
    self.space = space
    self.cache = {}


def depends_on_the_batch(self, space, archs):
    return archs - archs.mean(axis=0)


def draws(self, space, archs):
    return archs + np.random.random()  # noqa: NPY002


def ignores_the_canonical_form(self, archs):
    return np.asarray(archs, dtype=np.float32)


def depends_on_the_type(self, archs):
    return np.asarray(archs, dtype=np.float32) + np.asarray(archs).itemsize


FAULTS = {
    "check_constructor": {"__init__": stores_more},
    "check_clone_repr_pickle": {},  # a class that is not in its module cannot be pickled
    "check_fit": {"fit": lambda self, archs, scores=None: None},
    "check_not_fitted": {"__sklearn_is_fitted__": lambda self: False},
    "check_features": {"_names": lambda self, space: ["same"] * len(space.columns)},
    "check_rows_are_independent": {"_encode": depends_on_the_batch},
    "check_deterministic": {"_encode": draws},
    "check_pruned": {"pruned": True, "transform": ignores_the_canonical_form},
    "check_input_types": {"transform": depends_on_the_type},
    "check_empty": {"fit": lambda self, archs, scores=None: self},
    "check_errors": {"transform": ignores_the_canonical_form},
    "check_pipeline": {"transform": lambda self, archs: None},
    "check_set_output": {"set_output": lambda self, transform=None: self},
}


def test_every_check_has_a_fault_that_it_notices():
    assert set(FAULTS) == {check.__name__ for check in CHECKS}


def test_battery_accepts_a_sound_encoder():
    check_encoding(Faulty("nasbench201"))


@pytest.mark.parametrize("name", FAULTS)
def test_battery_notices(name):
    broken = type("Broken", (Faulty,), {"__doc__": Faulty.__doc__, **FAULTS[name]})
    check = next(check for check in CHECKS if check.__name__ == name)
    with pytest.raises((AssertionError, AttributeError, ValueError, PicklingError)):
        check(broken("nasbench201"))


def test_check_encoding_names_the_check_and_the_class():
    broken = type("Broken", (Faulty,), {"__init__": stores_more})
    with pytest.raises(AssertionError, match=r"^Broken fails check_constructor: __init__ must store"):
        check_encoding(broken("nasbench201"))

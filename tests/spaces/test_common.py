"""Every registered space through every common check; a new space is tested without an edit here."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.spaces.base import SPACES, SearchSpace, get_space
from archcast.testing import check_space, space_checks

NAMES = SPACES.names()
CHECKS = space_checks()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_space_keeps_the_contract(name, check):
    check(get_space(name))


def test_battery_is_complete(request):
    """N spaces x M checks were collected."""
    assert len(CHECKS) == len(set(CHECKS)) >= 15
    assert set(NAMES) >= {
        "darts",
        "nasbench101",
        "nasbench201",
        "nasbench-graph",
        "nasbench-macro",
        "nats-size",
        "spikenas-bench",
        "transnasbench101-macro",
        "transnasbench101-micro",
    }
    if request.config.option.keyword or "::" in "".join(request.config.args):
        pytest.skip("only a part of the battery was asked for")
    items = [item for item in request.session.items if item.name.startswith("test_space_keeps_the_contract[")]
    assert len(items) == len(NAMES) * len(CHECKS)


@pytest.mark.parametrize("name", NAMES)
def test_registry_entry_says_what_the_space_is(name):
    entry = SPACES.entry(name)
    assert entry.info["summary"]
    assert any(f"https://{host}/" in entry.info["paper"] for host in ("arxiv.org/abs", "doi.org", "openreview.net"))
    assert entry.info["size"] > 1000
    assert entry.info["buildable"] == (entry.component.build is not SearchSpace.build)
    assert entry.component.name == name


def test_every_page_says_the_same_number_of_rows():
    page = (Path(__file__).parents[2] / "docs/spaces.md").read_text(encoding="utf-8")
    told = {}
    for names, size in re.findall(r"^\| (`[^|]+`) \| ([\d.,e]+) \| (?:yes|no) \|", page, re.MULTILINE):
        told |= dict.fromkeys(re.findall(r"`([^`]+)`", names), size)
    assert told.keys() == set(NAMES)
    for name in NAMES:
        info = SPACES.entry(name).info
        (summary,) = re.findall(r"([\d.,]+(?:e\d+)?) (?:rows|classes)", info["summary"])
        for text in (summary, told[name]):
            digits, size = len(re.sub(r"e\d+|\D", "", text)), Decimal(info["size"])  # some are too large for a float
            right = size if "e" not in text else Decimal(f"{size:.{digits - 1}e}")
            assert Decimal(text.replace(",", "")) == right, (name, text)


class Faulty(SearchSpace):
    """Two decisions; what is wrong with it is set by the test."""

    name, cardinalities, columns = "faulty", (3, 4), ("a", "b")

    def _parse(self, text):
        return [int(c) for c in text] if len(text) == 2 else [-1]

    def format(self, archs):
        return [f"{a}{b}" for a, b in self.validate(archs).tolist()]

    def graphs(self, archs):
        return get_space("nats-size").graphs(np.pad(self.validate(archs), ((0, 0), (0, 3))))


def forgets_order(self, archs):
    return [f"{min(row)}{max(row)}" for row in np.asarray(archs).tolist()]


def not_idempotent(self, archs):
    rows = self.validate(archs)
    rows[:, 0] = (rows[:, 0] + 1) % 3
    return rows


def writes(self, archs):
    archs[:, 0] = 0
    return np.ones(len(archs), dtype=bool)


FAULTS = {
    "columns": (("a",), "check_description"),
    "format": (forgets_order, "check_notation"),
    "canonical": (not_idempotent, "check_canonical"),
    "is_valid": (writes, "check_validate"),
    "neighbors": (lambda self, arch: self.enumerate(), "check_neighbors"),
    "mutate": (lambda self, archs, rng=None: self.sample(len(archs), rng), "check_mutate"),
    "enumerate": (lambda self: SearchSpace.enumerate(self)[::-1], "check_enumerate"),
    "sample": (lambda self, n, rng=None: np.zeros((n, 2), dtype=np.int64), "check_sample"),
}


@pytest.mark.parametrize("attribute", FAULTS)
def test_battery_notices(attribute):
    fault, check = FAULTS[attribute]
    check_space(Faulty())
    broken = type("Broken", (Faulty,), {"__doc__": Faulty.__doc__, attribute: fault})
    with pytest.raises(AssertionError, match=f"^Broken fails {check}: "):
        check_space(broken())


def undeclared(self, archs):
    graphs = Faulty.graphs(self, archs)
    return replace(graphs, op_names=("input", "output", "self_attention", *graphs.op_names[3:]))


def declared_by_a_word(self, archs):
    return replace(Faulty.graphs(self, archs), declared={"8": "convolution", **dict.fromkeys(["16", "24", "32"])})


class Priced(type(get_space("nats-size"))):
    """NATS-Bench's size space with costs of a network that it does not build."""

    def costs(self, archs, convention="macs", *, task=None, pruned=False):
        found = super().costs(archs, convention, task=task, pruned=pruned)
        return {**found, "activations": found["activations"] + 1}


def test_battery_compares_costs_with_built_networks():
    with pytest.raises(AssertionError, match="Priced fails check_costs: activations by macs is not that of the built"):
        check_space(Priced())


def test_battery_refuses_operations_that_are_not_declared():
    for graphs, message in (
        (undeclared, "operation 'self_attention' is not declared: say what it is"),
        (declared_by_a_word, "not declared|no archcast.graphs.Operation"),
    ):
        broken = type("Broken", (Faulty,), {"__doc__": Faulty.__doc__, "graphs": graphs})
        with pytest.raises(AssertionError, match=f"^Broken fails check_operations: .*({message})"):
            check_space(broken())


def test_space_that_cannot_build_says_so():
    with pytest.raises(InvalidInputError, match="Space 'nasbench-graph' describes architectures only"):
        get_space("nasbench-graph").build(get_space("nasbench-graph").sample(1, 0)[0])

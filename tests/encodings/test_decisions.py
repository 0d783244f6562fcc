"""Encodings without graphs: each against what its words say, on spaces of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archcast
from archcast.encodings._decisions import families
from archcast.testing import check_encoding

NAMES = ["one-hot", "ordinal", "log-scaled", "mixed", "totals"]
SPACE = archcast.Choices(
    depth=[1, 2, 3],
    kernel1=[3, 5, 7],
    kernel2=[3, 5, 7],
    kernel3=[3, 5, 7],
    op1=["conv", "pool", "skip"],
    op2=["conv", "pool", "skip"],
    lr=archcast.Log(1e-4, 1e-1, levels=4),
    bias=[False, True],
    fixed=3,
    conditions={"kernel2": {"depth": [2, 3]}, "kernel3": {"depth": 3}},
)
FULL = SPACE.row(
    {
        "depth": 3,
        "kernel1": 3,
        "kernel2": 5,
        "kernel3": 7,
        "op1": "pool",
        "op2": "pool",
        "lr": 0.01,
        "bias": True,
        "fixed": 3,
    }
)
SMALL = SPACE.row({"depth": 1, "kernel1": 7, "op1": "conv", "op2": "skip", "lr": 0.0001, "bias": False, "fixed": 3})


def named(encoding, row):
    encoder = archcast.get_encoding(encoding, SPACE)
    return dict(zip(encoder.get_feature_names_out(), encoder.transform(row)[0].tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_encoding(archcast.get_encoding(name, SPACE))
    check_encoding(archcast.get_encoding(name, archcast.Choices(a1=[1, 2], a2=[1, 2])))


def test_one_hot():
    full, small = named("one-hot", FULL), named("one-hot", SMALL)
    assert full["kernel2=1"] == 1
    assert sum(v for k, v in full.items() if k.startswith("kernel")) == 3
    assert sum(v for k, v in small.items() if k.startswith("kernel")) == 1
    assert [full["bias=1"], small["bias=1"]] == [1, 0]
    assert not any(k.startswith("fixed") for k in full)


def test_ordinal_and_log_scaled():
    assert named("ordinal", FULL)["lr"] == pytest.approx(2 / 3)
    assert named("log-scaled", FULL)["lr"] == pytest.approx(2 / 3)
    assert named("log-scaled", FULL)["kernel2"] == pytest.approx(0.5)
    assert named("log-scaled", SMALL)["kernel2"] == 0
    assert named("log-scaled", FULL)["op1=1"] == 1


def test_mixed_has_mean_0_and_deviation_1_over_the_values():
    space = archcast.Choices(width=range(16, 257, 16), lr=archcast.Log(1e-4, 1e-1), act=["a", "b", "c"])
    rows = np.stack([np.arange(16), np.arange(16), np.zeros(16, dtype=int)], axis=1)
    width = archcast.get_encoding("mixed", space).transform(rows)[:, 0]
    assert width.mean() == pytest.approx(0, abs=1e-6)
    assert width.std() == pytest.approx(1, abs=1e-6)
    assert np.allclose(np.diff(width), np.diff(width)[0], atol=1e-5)
    assert named("mixed", SMALL)["kernel3 there"] == 0
    assert named("mixed", SMALL)["kernel3"] == 0


def test_totals_by_hand():
    full, small = named("totals", FULL), named("totals", SMALL)
    assert full["sum of kernel"] == pytest.approx(0.5 + 1.0 + 1.5)
    assert small["sum of kernel"] == pytest.approx(1.5)
    assert full["number of op=1"] == 2
    assert small["number of op=0"] == small["number of op=2"] == 1
    assert full["late kernel"] > 0
    assert full["decisions there"] == 8
    assert small["decisions there"] == 6
    alone = {"depth", "lr"}  # numbers without alike ones are there by themselves; a fixed one leaves no choice
    assert alone <= set(full)
    assert not {"kernel1", "op1", "bias", "fixed"} & set(full)
    assert full["depth"] == -small["depth"] == pytest.approx(np.sqrt(1.5))


def test_families():
    assert [name for name, _ in families(SPACE)] == ["kernel", "op"]
    plain = archcast.Choices(width=[1, 2], depth=[1, 2])
    assert families(plain) == ()
    assert archcast.get_encoding("totals", plain).transform([[0, 1]]).shape == (1, 0)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 2**31))
def test_inactive_decisions_do_not_matter_and_all_is_finite(name, seed):
    rows = SPACE.sample(30, seed)
    features = archcast.get_encoding(name, SPACE).transform(rows)
    assert np.isfinite(features).all()
    same = (rows[:, None] == rows[None]).all(axis=2)
    close = (np.abs(features[:, None] - features[None]) < 1e-6).all(axis=2)
    assert (close | ~same).all()
    if name in ("one-hot", "mixed"):
        assert (same | ~close).all()


@pytest.mark.parametrize("name", NAMES)
def test_spaces_that_say_no_numbers(name):
    """Of a space of cells every decision is a category."""
    rows = archcast.get_space("nasbench201").sample(20, 0)
    features = archcast.get_encoding(name, "nasbench201").transform(rows)
    assert features.shape[0] == 20
    assert np.isfinite(features).all()

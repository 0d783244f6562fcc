"""Encodings without graphs: each against what its words say, on spaces of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archcast
from archcast.encodings._decisions import columns, effects, families
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


# -- what each decision does by itself -----------------------------------------------------------------------------------


def test_smooth_codes_are_a_matern_kernel_and_categories_are_apart():
    values = {c.name: c for c in columns(archcast.Choices(width=range(1, 8), act=["a", "b", "c"]))}
    x = values["width"].standard
    r = np.abs(x[:, None] - x) * np.sqrt(5) / 1.5
    kernel = (1 + r + r**2 / 3) * np.exp(-r)
    centring = np.eye(7) - 1 / 7
    expected = centring @ kernel @ centring
    found = values["width"].smooth
    np.testing.assert_allclose(found @ found.T, expected / np.trace(expected) * 7, atol=5e-3)
    codes = values["act"].smooth
    np.testing.assert_allclose(codes @ codes.T, 1.5 * (np.eye(3) - 1 / 3), atol=1e-12)


def test_many_values_have_few_codes_and_many_categories_none():
    values = {c.name: c for c in columns(archcast.Choices(width=range(1, 1001), layer=[f"x{k}" for k in range(101)]))}
    assert values["width"].smooth.shape[1] <= 12
    assert np.isfinite(values["width"].smooth).all()
    assert values["layer"].smooth.shape == (101, 0)


def test_effects_go_by_family_and_leave_out_what_plays_no_part():
    blocks = effects(SPACE, np.stack([FULL, SMALL]))
    assert [block.shape[1] // m for block, m in zip(blocks, [3, 2], strict=False)] == [3, 3]  # kernels and operations
    kernels = blocks[0].reshape(2, 3, 3)
    assert (kernels[1, 1:] == 0).all()
    assert (np.abs(kernels[0]).sum(axis=1) > 0).all()
    rows = SPACE.sample(500, 0)
    assert 0.5 < sum(np.square(block).sum(axis=1).mean() for block in effects(SPACE, rows)) < 1.1


def test_a_crooked_sum_is_linear_in_the_effects(rng):
    space = archcast.Choices(width1=[1, 2, 4], width2=[1, 2, 4], act=["a", "b", "c"])
    rows, curves = space.enumerate(), rng.normal(size=(3, 3))
    scores = curves[np.arange(3), rows].sum(axis=1)
    x = np.column_stack([np.ones(len(rows)), *effects(space, rows)])
    np.testing.assert_allclose(x @ np.linalg.lstsq(x, scores, rcond=None)[0], scores, atol=1e-8)

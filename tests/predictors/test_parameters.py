"""Rules of parameters: what they allow, what they say, and what they count as wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.predictors.base import PREDICTORS, get_predictor
from archcast.predictors.parameters import (
    Encoding,
    Number,
    Numbers,
    Settings,
    Switch,
    Text,
    Whole,
    Wholes,
    Word,
    check,
    rules_of,
)

RULES = [
    (Whole(2), [2, 10**9, np.int64(3)], "a whole number of at least 2 and at most 1,000,000,000"),
    (Whole(0, optional=True), [0], "a whole number of at least 0 and at most 1,000,000,000, or None"),
    (Number(0), [0, 0.5, np.float32(3)], "a finite number of at least 0"),
    (Number(0, 1, above=True), [1e-9, 1], "a finite number above 0 and at most 1"),
    (Number(0, 1, below=True), [0, 0.999], "a finite number of at least 0 and below 1"),
    (Word("a", "b"), ["a"], "one of 'a', 'b'"),
    (Text(), ["val_loss"], "a name"),
    (Switch(), [True, np.True_], "True or False"),
    (Wholes(), [(3,), [4, 5]], "a tuple of one or more whole numbers of at least 1"),
    (Wholes(3), [(3, 8, 8)], "a tuple of 3 whole numbers of at least 1"),
    (Encoding(), ["path", ("path", "wl")], "'auto', the name of an encoding, or a tuple of such names"),
    (Encoding(several=False), ["path"], "'auto', the name of an encoding"),
    (Settings(), [{"width": 3}], "a dictionary, or None"),
    (Numbers(), [[0.1, 2], np.arange(3)], "a sequence of finite numbers, or None"),
]


@pytest.mark.parametrize(("rule", "right", "wants"), RULES, ids=lambda value: type(value).__name__)
def test_rules(rule, right, wants):
    assert rule.wants == wants
    assert all(rule.allows(value) for value in right)
    assert len(rule.wrong) >= 2
    for value in rule.wrong:
        assert not rule.allows(value)
        with pytest.raises(InvalidInputError, match="Thing: size is ") as caught:
            check("Thing", {"size": value}, {"size": rule}, lambda name: 7)
        assert f"it must be {wants}. Its default is 7." in str(caught.value)


def test_none_is_refused_unless_optional():
    check("Thing", {"size": None}, {"size": Whole(optional=True)}, lambda name: None)
    with pytest.raises(InvalidInputError, match="size is None"):
        check("Thing", {"size": None}, {"size": Whole()}, lambda name: 1)


def test_rules_are_inherited_and_replaced():
    class Base:
        parameters = {"a": Whole(1), "b": Whole(1)}

    class Child(Base):
        parameters = {"b": Whole(0)}

    assert rules_of(Child) == {"a": Whole(1), "b": Whole(0)}


def test_long_values_are_shortened():
    with pytest.raises(InvalidInputError) as caught:
        check("Thing", {"size": "x" * 10_000}, {"size": Whole()}, lambda name: 1)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        (
            "random-forest",
            {"max_features": 0.0},
            "RandomForest: max_features is 0.0: it must be a finite number above 0",
        ),
        ("nao", {"trade_off": 7.0}, "NAO: trade_off is 7.0: it must be a finite number of at least 0 and at most 1"),
        ("gp", {"encoding": "adjacenzy"}, "Unknown encoding 'adjacenzy'. Did you mean 'adjacency'"),
        ("ngboost", {"col_sample": math.nan}, "NGBoost: col_sample is nan"),
    ],
)
def test_messages_of_predictors(name, params, message):
    archs = get_predictor(name, "nasbench201")._space.sample(8, 0)
    with pytest.raises(InvalidInputError) as caught:
        get_predictor(name, "nasbench201", **params).init(archs, archs.sum(axis=1))
    assert message in str(caught.value)


def test_defaults_keep_their_rules():
    for name in PREDICTORS:
        predictor = get_predictor(name, "nasbench201")
        predictor._check_parameters()

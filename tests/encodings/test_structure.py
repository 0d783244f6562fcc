"""The encoding ``structure``: any network of images, also from outside, as the numbers of ``archcast.costs.structure``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import archcast
from archcast.costs.structure import structure
from archcast.errors import InvalidInputError
from archcast.spaces.model_zoo import ModelZoo
from archcast.testing import check_encoding

SHAPE = (3, 16, 16)


def net(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.GELU(), nn.Conv2d(width, 2 * width, 1), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(2 * width, 10),
    )  # fmt: skip


def built(decisions: dict[str, Any]) -> nn.Module:
    return net(decisions["width"] * (1 + decisions["deep"]))


@pytest.fixture(scope="module")
def zoo() -> ModelZoo:
    return ModelZoo.from_models({"built": net(8), **{f"w{w}": lambda w=w: net(w) for w in range(4, 36, 4)}}, SHAPE)


def test_numbers_are_those_of_the_network(zoo: ModelZoo) -> None:
    encoder = archcast.get_encoding("structure", zoo)
    found = encoder.transform([[0], [3]])
    for features, model in zip(found, (net(8), net(12))):
        expected = structure(model, SHAPE)
        assert features == pytest.approx(list(expected.values()), rel=1e-6)
        assert list(encoder.get_feature_names_out()) == list(expected)


def test_contract_on_models_from_outside() -> None:
    space = archcast.Choices(width=list(range(4, 36, 4)), deep=[False, True], builder=built)
    space.tasks = {"default": archcast.Task(SHAPE, 10)}
    check_encoding(archcast.get_encoding("structure", space))


def test_predictors_learn_from_it(zoo: ModelZoo) -> None:
    rows = np.arange(1, 9)[:, None]
    gp = archcast.get_predictor("gp", zoo, encoding="structure", random_state=0).init(rows[::2], [1.0, 2.0, 3.0, 4.0])
    mean = gp.query(rows).mean
    assert (np.diff(mean) > 0).all()


def test_costs_of_models_from_outside(zoo: ModelZoo) -> None:
    costs = zoo.costs([[0], [1]])
    assert costs["params"].tolist() == [sum(p.numel() for p in net(w).parameters()) for w in (8, 4)]
    assert archcast.get_encoding("counts", zoo).transform([[0]])[0, 1] == pytest.approx(np.log(costs["params"][0]))
    assert zoo.names[:2] == ("built", "w4")
    assert isinstance(zoo.build([1]), nn.Module)


def test_the_model_comes_back_as_it_was() -> None:
    model = net(8).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    archcast.get_encoding("structure", ModelZoo.from_models({"a": model, "b": net(4)}, SHAPE)).transform([[0]])
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_cells_too() -> None:
    features = archcast.get_encoding("structure", "nasbench201").transform([[3, 3, 3, 3, 3, 3], [3, 1, 1, 1, 1, 1]])
    assert features.shape == (2, 30)
    assert (features[0] != features[1]).any()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ModelZoo.from_models({}), "at least one"),
        (lambda: ModelZoo.from_models({"a": 3}), r"models\['a'\] must be a torch.nn.Module or make one, got 3"),
        (lambda: ModelZoo.from_models({"a": nn.Linear(3, 4)}, SHAPE), "failed|fail"),
        (lambda: archcast.get_encoding("structure", ModelZoo(["a", "b"], {})).transform([[0]]), "from_models"),
        (lambda: archcast.get_encoding("structure", archcast.Choices(a=[1, 2])).transform([[0]]), "builder="),
        (
            lambda: archcast.get_encoding("structure", "nasbench-graph").transform([[0] * 9]),
            "cannot build networks|must",
        ),
    ],
)
def test_errors(make, says) -> None:
    with pytest.raises(InvalidInputError, match=says):
        make()

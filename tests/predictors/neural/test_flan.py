"""flan: one language for all spaces, and what it learns from others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

import archcast
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.predictors.networks import private_random_stream
from archcast.predictors.neural import _flow_attention
from archcast.predictors.neural._gcn import Graphs
from archcast.predictors.persistence import write_state
from archcast.spaces.base import get_space

SPACE, OTHER = get_space("nasbench201"), get_space("transnasbench101-micro")
OPTIONS = {"random_state": 0, "n_members": 2, "hidden": 16, "layers": 2, "source_epochs": 40, "epochs": 25}


def weight(space, rows: np.ndarray) -> np.ndarray:
    """Weights on the paths of the pruned cell."""
    graphs = space.graphs(space.canonical(rows)).pruned()
    units = [space.operations[name].weight if name in space.operations else 0.0 for name in graphs.op_names]
    return np.append(units, 0.0)[graphs.operations].sum(axis=1)


def test_an_operation_is_the_same_in_every_space() -> None:
    names = _flow_attention.names_of([SPACE, OTHER])
    one = _flow_attention.unified(SPACE, SPACE.sample(30, 0), names, [SPACE.name, OTHER.name])
    two = _flow_attention.unified(OTHER, OTHER.sample(30, 0), names, [SPACE.name, OTHER.name])
    assert one.nodes.shape[2] == two.nodes.shape[2]
    assert one.pooling.shape[1] == two.pooling.shape[1] == 2
    assert (one.nodes[..., -2].bool() == one.nodes.any(dim=2)).all()
    assert not two.nodes[..., -2].any()
    darts = get_space("darts")
    both = _flow_attention.unified(darts, darts.sample(5, 0), names, ["darts", OTHER.name])
    torch.testing.assert_close(both.pooling[:, 0].sum(dim=1), torch.ones(5, dtype=torch.float64))


def test_order_of_nodes_and_absent_nodes_do_not_matter() -> None:
    space = get_space("nasbench101")
    graphs = _flow_attention.unified(space, space.sample(8, 1), _flow_attention.names_of([space]), [space.name])
    with private_random_stream(np.random.default_rng(0)):
        module = _flow_attention.FlowAttention(2, graphs.nodes.shape[2], 2, 6, 2).double()
    order = torch.tensor([0, 4, 2, 5, 1, 3, 6])
    moved = Graphs(graphs.nodes[:, order], graphs.edges[:, order][:, :, order], graphs.pooling[:, :, order])
    torch.testing.assert_close(module(moved), module(graphs))


def test_scores_of_another_space_help() -> None:
    rows, archs, queries = OTHER.sample(150, 0), SPACE.sample(5, 0), SPACE.sample(150, 1)
    source = archcast.Source(OTHER, rows, weight(OTHER, rows))
    answers = {
        told: archcast.get_predictor("flan", SPACE, **OPTIONS)
        .init(archs, weight(SPACE, archs), sources=[source] * told)
        .query(queries)
        .mean
        for told in (0, 1)
    }
    alone, helped = (kendalltau(answers[told], weight(SPACE, queries))[0] for told in (0, 1))
    assert helped > alone + 0.05
    assert helped > 0.6


def test_sources_that_cannot_be_read() -> None:
    rows = archcast.Choices(depth=[1, 2, 3])
    archs = SPACE.sample(6, 0)
    flan = archcast.get_predictor("flan", SPACE, **OPTIONS)
    with pytest.raises(InvalidInputError, match=r"sources\[0\] is of space .* no cell graphs: leave that source out"):
        flan.init(archs, np.arange(6.0), sources=[archcast.Source(rows, rows.sample(4, 0), np.arange(4.0))])
    assert not hasattr(flan, "_sources")


def test_a_saved_flan_answers_as_before(tmp_path) -> None:
    rows, archs = OTHER.sample(40, 0), SPACE.sample(10, 0)
    flan = archcast.get_predictor("flan", SPACE, **{**OPTIONS, "epochs": 3, "source_epochs": 2})
    flan.init(archs, np.arange(10.0), sources=[archcast.Source(OTHER, rows, rows.sum(axis=1))])
    flan.save(tmp_path / "flan.npz")
    again = type(flan).load(tmp_path / "flan.npz")
    np.testing.assert_array_equal(again.query(archs).mean, flan.query(archs).mean)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """What was learned from another space, in a file."""
    path = tmp_path_factory.mktemp("flan") / "flan.npz"
    rows = OTHER.sample(150, 0)
    flan = archcast.get_predictor("flan", SPACE, **OPTIONS)
    flan.pretrain([archcast.Source(OTHER, rows, weight(OTHER, rows))], path)
    assert not vars(flan).keys() & {"names_", "shape_", "weights_"}
    return str(path)


def test_a_checkpoint_helps_as_its_sources_do(checkpoint) -> None:
    archs, queries = SPACE.sample(5, 0), SPACE.sample(150, 1)
    flan = archcast.get_predictor("flan", SPACE, checkpoint=checkpoint, **OPTIONS)
    mean = flan.init(archs, weight(SPACE, archs)).query(queries).mean
    assert kendalltau(mean, weight(SPACE, queries))[0] > 0.6


def test_a_space_that_a_checkpoint_does_not_know_is_read_by_what_its_operations_do(checkpoint) -> None:
    space = get_space("darts")
    archs = space.sample(8, 0)
    flan = archcast.get_predictor("flan", space, checkpoint=checkpoint, **{**OPTIONS, "epochs": 3})
    graphs = _flow_attention.unified(space, archs, ["no such operation"], ["no such space"])
    assert not graphs.nodes[..., -2:].any()
    assert graphs.nodes.shape[2] == _flow_attention.features_of(["one"], ["two"])
    assert np.isfinite(flan.init(archs, weight(space, archs)).query(archs).mean).all()


def test_checkpoints_that_cannot_be(checkpoint, tmp_path) -> None:
    archs, scores = SPACE.sample(6, 0), np.arange(6.0)
    with pytest.raises(InvalidInputError, match="n_members=2, hidden=16, layers=2: give the predictor the same"):
        archcast.get_predictor("flan", SPACE, checkpoint=checkpoint).init(archs, scores)
    other = tmp_path / "gp.npz"
    archcast.get_predictor("gp", SPACE).init(archs, scores).save(other)
    with pytest.raises(InvalidFileError, match="it holds a predictor"):
        archcast.get_predictor("flan", SPACE, checkpoint=str(other)).init(archs, scores)
    empty = tmp_path / "empty.npz"
    write_state(empty, "flan-checkpoint", {"names": [], "spaces": [], "shape": {}, "weights": {}})
    with pytest.raises(InvalidFileError, match=r"empty.npz' holds no networks of flan: .*pretrain"):
        archcast.get_predictor("flan", SPACE, checkpoint=str(empty)).init(archs, scores)
    with pytest.raises(InvalidInputError, match="at least one archcast"):
        archcast.get_predictor("flan", SPACE).pretrain([], tmp_path / "none.npz")

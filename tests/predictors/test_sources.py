"""Sources in the space of the task: converted, refused in one line, and without what is tested on."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Source
from archcast.predictors.base import get_predictor
from archcast.predictors.sources import in_space, related, without
from archcast.spaces.base import get_space
from archcast.spaces.choices import Choices

CELLS, MICRO = get_space("nasbench201"), get_space("transnasbench101-micro")


def test_rows_without_a_counterpart_are_left_out_with_their_scores_and_evidence():
    rows = np.array([[4, 3, 3, 3, 3, 3], [3, 3, 3, 3, 3, 3], [2, 0, 1, 3, 3, 2]])
    source = Source(CELLS, rows, [0.1, 0.2, 0.3], Evidence(proxies={"nwot": [1.0, 2.0, 3.0]}))
    (found,) = in_space([source], MICRO)
    assert found.space is MICRO
    assert found.archs.tolist() == rows[1:].tolist()
    assert found.scores.tolist() == [0.2, 0.3]
    assert found.evidence.proxies["nwot"].tolist() == [2.0, 3.0]


def test_a_source_that_cannot_be_read_is_named():
    good = Source(CELLS, CELLS.sample(3, 0), np.arange(3.0))
    with pytest.raises(
        InvalidInputError, match=r"sources\[1\] is of space 'nats-size', the task of 'nasbench201'.*flan"
    ):
        in_space([good, Source("nats-size", np.zeros((2, 5)), np.zeros(2))], CELLS)
    with pytest.raises(InvalidInputError, match=r"sources\[0\]\.archs"):
        in_space([Source(CELLS, np.full((2, 6), 7), np.zeros(2))], CELLS)
    with pytest.raises(InvalidInputError, match="no row of the one"):
        in_space([Source(CELLS, np.full((2, 6), 4), np.zeros(2))], MICRO)
    assert related(good, MICRO)
    assert not related(good, get_space("darts"))


def test_two_own_spaces_of_one_name_are_not_the_same():
    one, other = Choices(act=["relu", "gelu", "silu"]), Choices(act=["silu", "gelu", "relu"])
    (found,) = in_space([Source(one, [[0], [2]], [1.0, 2.0])], other)
    assert found.archs.tolist() == [[2], [0]]


def test_twins_of_tested_rows_are_left_out():
    twins = np.array([[3, 0, 0, 0, 1, 0], [0, 3, 0, 0, 0, 1], [3, 3, 3, 3, 3, 3]])  # the same convolution by two ways
    source = Source(CELLS, twins, [0.1, 0.2, 0.3])
    assert without(source, twins[:1]).scores.tolist() == [0.3]
    assert without(source, twins) is None


@pytest.mark.parametrize("name", ["gp", "stack"])
def test_a_source_of_a_space_that_lies_in_the_task_s_helps(name):
    few, asked, rows = CELLS.sample(5, 3), CELLS.sample(150, 9), MICRO.sample(120, 1)

    def scores(archs):
        return 3.0 * (archs == 3).sum(axis=1) + (archs == 2).sum(axis=1) - (archs == 0)[:, 3:].sum(axis=1)

    plain = get_predictor(name, CELLS, random_state=0).init(few, scores(few))
    told = get_predictor(name, CELLS, random_state=0).init(
        few, scores(few), sources=[Source(MICRO, rows, scores(rows))]
    )
    fits = [np.corrcoef(p.query(asked).mean, scores(asked))[0, 1] for p in (plain, told)]
    assert fits[1] > fits[0]
    assert told.correlations[0] > 0.3

"""MultiPredict: tasks and devices known by an embedding, and a new one tuned to with few scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

import archcast
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Source
from archcast.predictors.base import Predictor
from archcast.predictors.features import FeatureGroups
from archcast.predictors.networks import private_random_stream
from archcast.predictors.neural._task_networks import Rows, TaskNetworks, learn, outputs
from archcast.predictors.neural.losses import squared_error

SPACE, OTHER = archcast.get_space("nasbench201"), archcast.get_space("transnasbench101-macro")
FAST = {"n_members": 2, "hidden": (24,), "source_epochs": 25, "epochs": 25, "random_state": 0}
ROWS, ARCHS, QUERIES = SPACE.sample(150, 0), SPACE.sample(6, 1), SPACE.sample(150, 2)


def fast(rows):
    """What a device takes on which only convolutions count."""
    return 1.0 + (rows == 3).sum(axis=1) + 0.3 * (rows == 2).sum(axis=1)


def odd(rows):
    """What another takes, which spends its time on pooling."""
    return 9.0 - (rows == 3).sum(axis=1) + 2 * (rows == 4).sum(axis=1)


def made(**settings):
    return archcast.get_predictor("multi-predict", SPACE, **{**FAST, **settings})


@pytest.fixture(scope="module")
def networks():
    """Two networks that know three tasks, and rows of a fourth that is like the second."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 3))
    tasks = [inputs @ weights for weights in ([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0])]
    seen = np.ones((2, 60), dtype=bool)
    sources = [Rows(inputs, targets, seen) for targets in tasks]
    return sources, Rows(inputs[:5], tasks[1][:5], seen[:, :5])


def test_a_new_task_begins_as_the_one_that_ranks_its_rows_best(networks):
    inputs = networks[1].inputs
    with private_random_stream(np.random.default_rng(0)), torch.no_grad():
        module = TaskNetworks(2, 3, 4, 5, (16,))
        before = module.tasks.clone()
        answers = np.stack([module(torch.tensor(inputs).float(), task).numpy() for task in range(3)])
        module.begin(3, Rows(inputs, answers[1, 0], np.ones((2, 5), dtype=bool)))
    alike = [[np.corrcoef(answers[task, member], answers[1, 0])[0, 1] for task in range(3)] for member in range(2)]
    assert np.argmax(alike[0]) == 1
    for member in range(2):
        assert torch.equal(module.tasks[member, 3], before[member, np.argmax(alike[member])])
    assert torch.equal(module.tasks[:, :3], before[:, :3])


def test_rows_that_a_member_does_not_see_do_not_count(networks):
    sources, task = networks
    half = Rows(task.inputs, task.targets, np.array([[True] * 5, [True] * 4 + [False]]))
    changed = Rows(half.inputs, np.append(half.targets[:4], 9.0), half.seen)
    settings = {
        "embedding": 4,
        "hidden": (8,),
        "source_epochs": 3,
        "epochs": 5,
        "learning_rate": 0.01,
        "weight_decay": 0.0,
    }
    found = [
        outputs(learn(sources, rows, squared_error, rng=np.random.default_rng(1), **settings), task.inputs)
        for rows in (half, changed)
    ]
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert not np.array_equal(found[0][0], found[1][0])


def test_other_devices_tell_what_six_measurements_do_not():
    scores = fast(ARCHS) + 0.5 * odd(ARCHS)
    truth = fast(QUERIES) + 0.5 * odd(QUERIES)
    alone = made().init(ARCHS, scores).query(QUERIES)
    sources = [Source(SPACE, ROWS, device(ROWS)) for device in (fast, odd)]
    told = made().init(ARCHS, scores, sources=sources).query(QUERIES)
    assert kendalltau(told.mean, truth)[0] > kendalltau(alone.mean, truth)[0] + 0.05
    assert (told.std > 0).all()


def test_a_source_of_another_space_is_told_by_costs_and_shared_evidence():
    rows = OTHER.sample(150, 0)
    macs, others = OTHER.costs(rows)["macs"], SPACE.costs(QUERIES)["macs"]
    proxies = Evidence(proxies={"one": np.arange(150.0), "two": -np.arange(150.0), "three": np.ones(150)})
    source = Source(OTHER, rows, macs + 1e-3 * macs.std() * np.arange(150), proxies)
    own = Evidence(proxies={"two": np.arange(6.0), "one": np.arange(6.0), "only here": np.zeros(6)})
    found = made().init(ARCHS, SPACE.costs(ARCHS)["macs"], own, sources=[source])
    assert [column.name for column in found.features_.evidence.columns] == ["two", "one"]
    assert found.weights_["network.hidden.0.weight"].shape[1] == 3 + 2
    without = made(source_epochs=100).init(ARCHS, SPACE.costs(ARCHS)["macs"], sources=[source])
    alone = made(encoding="counts").init(ARCHS, SPACE.costs(ARCHS)["macs"])
    assert without.features_.evidence is None
    taus = [kendalltau(predictor.query(QUERIES).mean, others)[0] for predictor in (without, alone)]
    assert taus[0] > max(0.6, taus[1] + 0.2)


def test_columns_of_a_source_s_evidence_are_those_of_the_task(monkeypatch):
    """Proxies in another order are the same proxies."""
    seen = []
    of = FeatureGroups.of.__func__
    monkeypatch.setattr(FeatureGroups, "of", classmethod(lambda cls, *args: seen.append(args[2]) or of(cls, *args)))
    theirs = Evidence(proxies={"b": np.arange(150.0), "a": np.zeros(150)})
    own = Evidence(proxies={"a": np.arange(6.0), "b": np.zeros(6)})
    made(source_epochs=1, epochs=1).init(ARCHS, fast(ARCHS), own, sources=[Source(SPACE, ROWS, odd(ROWS), theirs)])
    assert [list(evidence.proxies) for evidence in seen] == [["a", "b"], ["a", "b"]]
    assert np.sort(seen[1].proxies["b"]).tolist() == list(range(150))


def test_decisions_and_costs_are_seen_where_there_are_any():
    def names(space, **settings):
        return tuple(archcast.get_predictor("multi-predict", space, **settings)._suited())

    assert names(SPACE) == ("one-hot", "graph-features", "functional", "operation-flow", "counts")
    assert names(OTHER).count("counts") == 1
    assert "counts" not in names("nasbench-graph")
    assert names(SPACE, encoding="path") == ("path",)


def test_sources_of_a_space_without_counts_are_refused():
    plain = archcast.Choices(depth=[1, 2, 3], width=[4, 8])
    with pytest.raises(InvalidInputError, match=r"sources\[0\] is .* which .* does not count: leave out sources"):
        made().init(ARCHS, fast(ARCHS), sources=[Source(plain, plain.sample(6, 0), np.arange(6.0))])


@pytest.mark.parametrize(
    "hidden", [(24,), (9, 8, 7, 6, 5, 4, 3, 9, 8, 7, 6, 5)]
)  # of ten layers and more names are no order
def test_a_saved_one_answers_as_before(tmp_path, hidden):
    found = made(hidden=hidden, epochs=3, source_epochs=2).init(
        ARCHS, fast(ARCHS), sources=[Source(SPACE, ROWS, odd(ROWS))]
    )
    found.save(tmp_path / "m.npz")
    again = Predictor.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.query(QUERIES).mean, found.query(QUERIES).mean)
    np.testing.assert_array_equal(again.query(QUERIES).std, found.query(QUERIES).std)

"""Spaces of one's own: values to rows and back, tables, JSON, other libraries, and everything that uses a space."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archcast
from archcast import Categorical, Choices, Int, Log
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError
from archcast.testing import space_checks


def make():
    return Choices(
        width=range(16, 257, 16),
        depth=[1, 2],
        kernel2=[3, 5, 7],
        act=["relu", "gelu"],
        lr=Log(1e-4, 1e-1),
        se=[False, True],
        conditions={"kernel2": {"depth": 2}},
        forbidden=[{"act": "gelu", "width": [16, 32]}],
    )


PLAIN = Choices(width=[16, 32, 64], act=["relu", "gelu", "silu"], bias=[False, True], name="plain")


@pytest.mark.parametrize("check", space_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("space", [make(), PLAIN], ids=["conditions", "plain"])
def test_contract(space, check):
    check(space)


def test_dicts_and_rows():
    space = make()
    architecture = {"width": 64, "depth": 2, "kernel2": 5, "act": "relu", "lr": 0.01, "se": True}
    row = space.row(architecture)
    assert row.tolist() == [3, 1, 1, 0, 20, 1]
    assert space.dicts(row) == [architecture]
    junk = space.row({**architecture, "depth": 1})
    assert junk.tolist() == [3, 0, 0, 0, 20, 1]
    assert "kernel2" not in space.dicts(junk)[0]
    assert space.rows([architecture, {**architecture, "width": 256}]).shape == (2, 6)
    assert space.row({**architecture, "lr": 0.010000000001})[4] == 20


def test_frame_and_back():
    space = make()
    rows = space.sample(100, 0)
    frame = space.frame(rows)
    assert list(frame.columns) == list(space.columns)
    np.testing.assert_array_equal(space.rows(frame), rows)
    assert frame["kernel2"].isna().sum() == (rows[:, 1] == 0).sum()


def test_files(tmp_path):
    space = make()
    rows = space.sample(50, 0)
    frame = space.frame(rows)
    for name, separator in (("a.csv", ","), ("a.tsv", "\t"), ("a.csv.gz", ";")):
        frame.to_csv(tmp_path / name, index=False, sep=separator)
        np.testing.assert_array_equal(space.rows(tmp_path / name), rows)
    (tmp_path / "a.json").write_text(json.dumps(space.dicts(rows)))
    np.testing.assert_array_equal(space.rows(tmp_path / "a.json"), rows)
    with pytest.raises(DataNotFoundError, match="No file"):
        space.rows(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(InvalidFileError, match=r"line 3: 1 field, the header has 2 \(commas separate them\)"):
        space.rows(tmp_path / "bad.csv")
    for text, says in (("", "is empty"), ("a,b\n", "no rows"), ("a,a\n1,2\n", "two columns called 'a'")):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(InvalidFileError, match=says):
            space.rows(tmp_path / "bad.csv")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"width": 17}, "row 1: width: 17 is none of its values, which are 16 to 256 in steps of 16"),
        ({"act": "swish"}, "row 1: act: 'swish' is none of its values"),
        ({"se": None}, "row 1: 'se' has no value"),
        ({"width": 16, "act": "gelu"}, "row 1: this combination is forbidden"),
        ({"lr": -1}, "row 1: lr: -1 is none"),
    ],
)
def test_values_that_are_not_there(change, says):
    architecture = {"width": 64, "depth": 2, "kernel2": 5, "act": "relu", "lr": 0.01, "se": True}
    with pytest.raises(InvalidInputError, match=says):
        make().rows([{**architecture, **change}])


def test_nearest_values():
    space = make()
    found = space.rows([{"width": 60, "depth": 1, "act": "relu", "lr": 0.0098, "se": 0 == 1}], nearest=True)
    assert space.dicts(found)[0] == {"width": 64, "depth": 1, "act": "relu", "lr": 0.01, "se": False}


def test_a_missing_column_is_named():
    with pytest.raises(InvalidInputError, match="row 1: 'se' is missing: the table has no such column"):
        make().rows({"width": [64], "depth": [1], "act": ["relu"], "lr": [0.01]})


def test_rules_may_be_functions():
    space = Choices(a=range(4), b=range(4), forbidden=[lambda values: values["a"] + values["b"] > 3])
    rows = space.enumerate()
    assert len(rows) == 10
    assert (rows.sum(axis=1) <= 3).all()
    with pytest.raises(InvalidInputError, match="a function has no form in JSON"):
        space.to_json()
    with pytest.raises(InvalidInputError, match="must return"):
        Choices(a=range(4), forbidden=[lambda values: 1]).sample(3, 0)


values = st.one_of(
    st.lists(st.integers(-50, 50), min_size=1, max_size=6, unique=True),
    st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6, unique=True),
    st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=6, unique=True),
    st.just([False, True]),
    st.lists(st.tuples(st.integers(0, 3), st.text(max_size=2)), min_size=1, max_size=4, unique=True),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=6), values, min_size=1, max_size=5), st.integers(0, 2**31))
def test_json_and_notation_of_any_space(decisions, seed):
    space = Choices(decisions)
    assert Choices.from_json(space.to_json()) == space
    rows = space.sample(10, seed)
    np.testing.assert_array_equal(space.parse(space.format(rows)), rows)
    np.testing.assert_array_equal(space.rows(space.dicts(rows)), rows)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(space)).canonical(rows), rows)


def test_json_keeps_conditions_and_rules():
    space = make()
    again = Choices.from_json(space.to_json())
    assert again == space
    assert again.conditions == space.conditions
    np.testing.assert_array_equal(again.sample(50, 0), space.sample(50, 0))
    for bad in ("", "[]", "{}", '{"name": "x", "decisions": {"a": {}}, "conditions": [], "forbidden": []}', "3"):
        with pytest.raises(InvalidInputError, match=r"must be what Choices\.to_|description: "):
            Choices.from_json(bad)


def test_spaces_differ():
    assert make() == make()
    assert make() != PLAIN
    assert Choices(a=[0, 1]) != Choices(a=[False, True])
    assert Choices(a=[1, 2]) != Choices(a=[1.5, 2])
    assert hash(make()) == hash(PLAIN)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "at least one decision"),
        ({"a": []}, "a: a decision needs at least one value"),
        ({"a": [1, 2], "conditions": {"a": [1]}}, r"conditions\['a'\] must be a mapping"),
        ({"a": [1, 2], "forbidden": {"a": 1}}, "forbidden must be a list"),
        ({"a": [1, 2], "forbidden": [{}]}, "forbidden must hold mappings"),
        ({"a": [1, 2], "forbidden": [{"b": 1}]}, "forbidden: 'b' is no decision of the space"),
        ({"a": [1, 2], "name": ""}, "name must be one line"),
    ],
)
def test_errors(arguments, says):
    with pytest.raises(InvalidInputError, match=says):
        Choices(**arguments)


# -- from tables -------------------------------------------------------------------------------------------------------


def test_from_table_says_what_it_inferred():
    rng = np.random.default_rng(0)
    n = 80
    depth = rng.integers(1, 4, n)
    frame = pd.DataFrame(
        {
            "id": np.arange(n) + 7,
            "note": [f"run number {k}" for k in range(n)],
            "width": rng.choice([16, 32, 64, 128, 256], n),
            "depth": depth,
            "kernel3": np.where(depth == 3, rng.choice([3, 5], n), np.nan),
            "act": rng.choice(["relu", "gelu"], n),
            "lr": 10 ** rng.uniform(-4, -1, n),
            "momentum": 0.9,
            "se": rng.random(n) < 0.5,
            "val_acc": rng.random(n),
            "nothing": np.nan,
        }
    )
    space = Choices.from_table(frame)
    assert space.columns == ("width", "depth", "kernel3", "act", "lr", "momentum", "se")
    assert space.decisions["width"].log
    assert not space.decisions["depth"].log
    assert space.decisions["lr"].log
    assert space.decisions["act"].values == ("gelu", "relu")
    assert space.decisions["se"].values == (False, True)
    assert space.decisions["momentum"].values == (0.9,)
    assert [(c.column, c.parent, c.values) for c in space.conditions] == [("kernel3", "depth", (2,))]
    text = space.describe()
    for part in (
        "id: every row has another number",
        "note: every row has another text",
        "val_acc: its name looks",
        "nothing: it is empty",
    ):
        assert part in text
    rows = space.rows(frame, nearest=True)
    back = space.frame(rows)
    assert (back["width"] == frame["width"]).all()
    np.testing.assert_allclose(back["lr"], frame["lr"], rtol=0.05)
    assert Choices.from_table(frame, columns=["width", "val_acc"]).columns == ("width", "val_acc")
    with pytest.raises(InvalidInputError, match=r"has no column 'widht'. Did you mean 'width'"):
        Choices.from_table(frame, columns=["widht"])
    with pytest.raises(InvalidInputError, match="No column of the table is a decision"):
        Choices.from_table(frame[["id", "val_acc"]])


def test_a_gap_that_no_column_explains_is_a_value():
    space = Choices.from_table(
        {"dropout": [None, 0.1, 0.2, None, 0.3, 0.1], "norm": ["a", None, "b", "a", "b", "a"], "w": [1, 2, 1, 2, 1, 2]}
    )
    assert space.decisions["dropout"].values == (None, 0.1, 0.2, 0.3)
    assert space.decisions["norm"].values[0] is None
    rows = space.rows({"dropout": [None, 0.2], "norm": [None, "b"], "w": [1, 2]})
    assert rows.tolist() == [[0, 0, 0], [2, 2, 1]]
    assert np.isfinite(archcast.get_encoding("mixed", space).transform(rows)).all()


# -- from other libraries ----------------------------------------------------------------------------------------------


def test_from_optuna():
    optuna = pytest.importorskip("optuna")
    d = optuna.distributions
    space = Choices.from_optuna(
        {
            "lr": d.FloatDistribution(1e-5, 1e-1, log=True),
            "dropout": d.FloatDistribution(0, 0.5, step=0.1),
            "units": d.IntDistribution(16, 512, log=True),
            "layers": d.IntDistribution(1, 10, step=3),
            "act": d.CategoricalDistribution(["relu", None, True]),
        },
        levels=9,
    )
    assert space.decisions["lr"].values == pytest.approx(np.geomspace(1e-5, 1e-1, 9))
    assert space.decisions["dropout"].values == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert space.decisions["units"].log
    assert len(space.decisions["units"].values) == 9
    assert space.decisions["layers"].values == (1, 4, 7, 10)
    assert space.decisions["act"].values == ("relu", None, True)
    with pytest.raises(InvalidInputError, match="x is a str, which is none of Optuna's distributions"):
        Choices.from_optuna({"x": "uniform"})


def test_from_configspace():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace(name="mine", seed=0)
    kind = cs.CategoricalHyperparameter("kind", ["conv", "attention"])
    heads = cs.OrdinalHyperparameter("heads", [2, 4, 8])
    lr = cs.UniformFloatHyperparameter("lr", 1e-4, 1e-1, log=True)
    units = cs.UniformIntegerHyperparameter("units", 1, 8)
    scale = cs.UniformFloatHyperparameter("scale", 0, 1)
    space.add([kind, heads, lr, units, scale, cs.Constant("version", 3)])
    space.add(
        [
            cs.EqualsCondition(heads, kind, "attention"),
            cs.AndConjunction(cs.EqualsCondition(scale, kind, "attention"), cs.GreaterThanCondition(scale, units, 4)),
        ]
    )
    space.add(cs.ForbiddenAndConjunction(cs.ForbiddenEqualsClause(kind, "conv"), cs.ForbiddenInClause(units, [7, 8])))
    mine = Choices.from_configspace(space, levels=11)
    assert mine.name == "mine"
    assert set(mine.columns) == {"kind", "heads", "lr", "units", "scale", "version"}
    assert mine.decisions["heads"].ordered
    configurations = [dict(c) for c in space.sample_configuration(200)]
    rows = mine.rows(configurations, nearest=True)
    for found, there in zip(mine.dicts(rows), configurations, strict=True):
        assert set(found) == set(there)
        assert {k: v for k, v in found.items() if k in ("kind", "heads", "units")} == {
            k: v for k, v in there.items() if k in ("kind", "heads", "units")
        }
    sampled = mine.dicts(mine.sample(200, 0))
    for architecture in sampled:
        assert ("heads" in architecture) == (architecture["kind"] == "attention")
        assert ("scale" in architecture) == (architecture["kind"] == "attention" and architecture["units"] > 4)
        assert architecture["kind"] == "attention" or architecture["units"] < 7


# -- what uses a space -------------------------------------------------------------------------------------------------


def worth(space, rows):
    """A score of each row, with more of everything and a best learning rate."""
    return rows[:, 0] / 15 + rows[:, 1] + rows[:, 2] / 4 - (rows[:, 4] - 15) ** 2 / 100


def benchmark():
    space = make()
    rows = np.unique(space.sample(400, 0), axis=0)
    return archcast.Benchmark("mine", space, rows, {"accuracy": worth(space, rows)}, "accuracy")


def test_evaluate_and_search():
    data = benchmark()
    results = archcast.evaluate(["gp", "random-forest", "stack"], data, train_sizes=[20], test_size=100, trials=2)
    taus = {row["predictor"]: row["kendall_tau"] for row in results.rows()}
    assert all(tau > 0.5 for tau in taus.values()), taus
    found = archcast.run_search(
        ["random", "regularized-evolution", "bayesian", "local-search"], data, budget=40, trials=1
    )
    assert len(found.traces) == 4


def test_default_predictors_leave_out_those_that_need_graphs():
    from archcast.evaluation import default_predictors

    names = default_predictors(benchmark())
    assert "stack" in names
    assert "gp-wl" not in names


@pytest.mark.parametrize("name", ["gcn", "gcn-rank", "bonas", "gp-wl"])
def test_predictors_that_need_graphs_say_so(name):
    rows = PLAIN.sample(10, 0)
    with pytest.raises(
        InvalidInputError, match=r"reads cell graphs, which space 'plain' does not have.*'stack' or 'gp'"
    ):
        archcast.get_predictor(name, space=PLAIN).init(rows, rows.sum(axis=1))


@pytest.mark.parametrize("encoding", ["path", "wl", "functional", "graph-features"])
def test_encodings_that_need_graphs_say_so(encoding):
    rows = PLAIN.sample(10, 0)
    with pytest.raises(InvalidInputError, match="has no cell graph"):
        archcast.get_encoding(encoding, PLAIN).fit_transform(rows)


@pytest.mark.parametrize("name", ["gp", "stack", "bayesian-linear", "random-forest", "mlp"])
def test_saved_predictors_bring_their_space(name, tmp_path):
    space = make()
    rows = space.sample(20, 0)
    predictor = archcast.get_predictor(name, space=space, random_state=0).init(rows, worth(space, rows))
    predictor.save(tmp_path / "p.npz")
    again = archcast.Predictor.load(tmp_path / "p.npz")
    assert again.space == space
    np.testing.assert_allclose(again.query(rows).mean, predictor.query(rows).mean)


def test_optuna_sampler():
    optuna = pytest.importorskip("optuna")
    from archcast.integrations.optuna import PredictorSampler, suggest_arch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = make()
    study = optuna.create_study(direction="maximize", sampler=PredictorSampler(space, "gp", seed=0, n_startup_trials=5))
    study.optimize(lambda trial: float(worth(space, suggest_arch(trial, space)[None])[0]), n_trials=12)
    assert study.best_value > np.median(worth(space, space.sample(500, 1)))


def test_botorch_model():
    pytest.importorskip("botorch")
    import torch
    from botorch.acquisition import LogExpectedImprovement

    from archcast.integrations.botorch import PredictorModel

    space = make()
    rows = space.sample(20, 0)
    gp = archcast.get_predictor("gp", space=space).init(rows, worth(space, rows))
    acquisition = LogExpectedImprovement(PredictorModel(gp), best_f=float(worth(space, rows).max()))
    values = acquisition(torch.as_tensor(space.sample(7, 1), dtype=torch.float64).unsqueeze(1))
    assert values.shape == (7,)


def test_builder():
    space = Choices(width=[4, 8], builder=lambda architecture: architecture["width"] * 2)
    assert space.build([1]) == 16
    with pytest.raises(InvalidInputError, match="cannot build networks: give it builder="):
        PLAIN.build([0, 0, 0])


def test_types_of_values():
    space = Choices(
        units=Int(8, 64, log=True, levels=4), size=Categorical(["s", "m"], ordered=True), shape=[(1, 2), (3, 4)]
    )
    assert space.dicts([[3, 1, 1]]) == [{"units": 64, "size": "m", "shape": (3, 4)}]
    assert Choices.from_json(space.to_json()) == space


def test_numbers_between_the_values_of_a_grid():
    space = Choices(lr=Log(1e-4, 1e-1), units=Int(1, 1000, log=True), width=[16, 32, 64])
    row = space.row({"lr": 0.003, "units": 777, "width": 32})
    found = space.dicts(row)[0]
    assert found["lr"] == pytest.approx(0.003, rel=0.13)
    assert found["units"] == pytest.approx(777, rel=0.13)
    for wrong in ({"lr": 0.2}, {"lr": 1e-5}, {"units": 0}, {"width": 48}):
        with pytest.raises(InvalidInputError, match="is none of its values"):
            space.row({"lr": 0.003, "units": 777, "width": 32} | wrong)
    assert Choices.from_json(space.to_json()).row({"lr": 0.003, "units": 777, "width": 32}).tolist() == row.tolist()


def test_a_space_of_more_rows_than_a_float_can_count() -> None:
    space = archcast.Choices(**{f"d{i}": [0, 1] for i in range(3000)})
    assert "3000 decisions, 1.2e+903 combinations" in space.describe()
    assert space.sample(2, 0).shape == (2, 3000)


def test_tables_hold_lists_as_values_and_refuse_objects() -> None:
    rows = [{"kernels": [3, 5] if i % 2 else [3], "score": float(i)} for i in range(12)]
    space = Choices.from_table(rows, columns=["kernels"])
    assert set(space.decisions["kernels"].values) == {(3,), (3, 5)}
    with pytest.raises(InvalidInputError, match=r"frame holds \{'a': 1\}: a value must be a number"):
        Choices.from_table({"kernels": [{"a": 1}] * 3, "score": [1.0] * 3}, columns=["kernels"])

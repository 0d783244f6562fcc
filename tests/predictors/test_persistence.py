from __future__ import annotations

import json
import pickle
import zipfile

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.predictors import _foreign, persistence
from archcast.predictors.base import PREDICTORS, Predictor, get_predictor
from archcast.predictors.targets import TargetScale
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS = SPACE.sample(30, 0)
SCORES = (ARCHS == 3).sum(axis=1) + 0.1 * (ARCHS == 2).sum(axis=1)
SMALL = {
    "random-forest": {"n_estimators": 3},
    "xgboost": {"rounds": 3},
    "lightgbm": {"rounds": 3},
    "ngboost": {"n_estimators": 3},
}


def fitted(name):
    return get_predictor(name, SPACE, random_state=0, encoding="adjacency", **SMALL.get(name, {})).init(ARCHS, SCORES)


@pytest.fixture
def saved(tmp_path):
    """Save a predictor, let the test change what the file holds, and return the path."""

    def save(name, change=lambda tree, arrays: None):
        path = tmp_path / "p.npz"
        fitted(name).save(path)
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files}
        tree = json.loads(arrays.pop("archcast").tobytes())
        change(tree, arrays)
        np.savez(path, archcast=np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8), **arrays)
        return path

    return save


def refused(path, match):
    with pytest.raises(InvalidFileError, match=match) as caught:
        Predictor.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def part(tree, arrays, name):
    """Key of the array that holds the foreign part ``name``."""
    return tree["predictor"]["state"][name]["key"]


def test_the_untouched_file_loads(saved):
    loaded = Predictor.load(saved("gp"))
    np.testing.assert_array_equal(loaded.query(ARCHS).std, fitted("gp").query(ARCHS).std)


# -- files that are not ours -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"PK\x03\x04", pickle.dumps([1, 2]), b"\x93NUMPY" + b"\0" * 50, json.dumps({"a": 1}).encode()],
    ids=["empty", "text", "zip header", "pickle", "npy", "json"],
)
def test_foreign_files(tmp_path, content):
    path = tmp_path / "foreign.npz"
    path.write_bytes(content)
    refused(path, "is not a predictor that archcast saved")


def test_missing_files_folders_and_other_archives(tmp_path):
    refused(tmp_path / "nothing.npz", "No file")
    refused(tmp_path, "is not a predictor")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    refused(tmp_path / "other.npz", "is not a predictor")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("archcast.npy", b"not an array")
    refused(tmp_path / "other.zip", "is not a predictor")


def test_every_truncation_is_refused(tmp_path, saved):
    path = saved("bayesian-linear")
    content = path.read_bytes()
    for length in np.linspace(0, len(content) - 1, 25).astype(int):
        path.write_bytes(content[:length])
        refused(path, "is not a predictor")


def test_a_changed_byte_in_an_array_is_refused(tmp_path):
    path = tmp_path / "p.npz"
    fitted("bayesian-linear").save(path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = max(archive.infolist(), key=lambda info: info.compress_size)
    content[entry.header_offset + 60 + entry.compress_size // 2] ^= 0xFF
    path.write_bytes(content)
    refused(path, "is not a predictor")


def test_another_format_names_both_versions(saved):
    path = saved("bayesian-linear", lambda tree, arrays: tree.update(format=4, version="9.9"))
    message = refused(path, "written by archcast 9.9 in format 4")
    assert "reads formats (1, 2, 3)" in message


def test_another_class_is_refused(saved):
    with pytest.raises(InvalidInputError, match="holds a BayesianLinear, not a GaussianProcess"):
        PREDICTORS["gp"].load(saved("bayesian-linear"))


# -- files that mean harm ----------------------------------------------------------------------------------------------


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_inside_is_not_read(saved, tmp_path):
    path, trace = saved("bayesian-linear"), tmp_path / "trace"
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    arrays["a0"] = np.array([Bomb(trace)], dtype=object)
    np.savez(path, **arrays)
    refused(path, "Python objects")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("archcast_evil", "Thing"),
        ("archcast.cli", "main"),
        ("archcast.predictors.persistence", "os"),
        ("archcast.predictors.persistence", "save"),
        ("archcast.predictors.base", "TargetScale"),
    ],
)
def test_types_outside_archcast_are_not_made(saved, module, name):
    def change(tree, arrays):
        tree["predictor"]["state"]["scale_"] = {"$": "dataclass", "type": [module, name], "fields": {}}

    refused(saved("gp", change), r"is not a predictor")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t["predictor"].update(name="os.system"), "Unknown predictor"),
        (lambda t: t["predictor"]["params"].update(evil=1), "evil"),
        (lambda t: t["predictor"]["state"].update(_query=1), "'_query' is not the name of a learned attribute"),
        (lambda t: t["predictor"]["state"].update(__class__=1), "is not the name of a learned attribute"),
        (lambda t: t["predictor"]["state"].update(x_={"$": "pickle", "key": "a0"}), "unknown kind 'pickle'"),
        (lambda t: t.update(predictor={"$": "space", "name": "nasbench201"}), "does not hold a predictor"),
        (
            lambda t: t.update(
                predictor={"$": "encoding", "name": "adjacency", "params": {"space": "nasbench201"}, "state": {}}
            ),
            "does not hold",
        ),
    ],
)
def test_changed_descriptions(saved, change, match):
    refused(saved("bayesian-linear", lambda tree, arrays: change(tree)), match)


def test_deeply_nested_json_is_refused(saved):
    path = saved("bayesian-linear")
    deep = b'{"format": 1, "version": "", "predictor": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    np.savez(path, archcast=np.frombuffer(deep, dtype=np.uint8))
    refused(path, "is not a predictor")


def test_untrusted_types_inside_skops_are_named(saved, tmp_path):
    import skops.io

    trace = tmp_path / "trace"

    def change(tree, arrays):
        evil = fitted("random-forest").forest_
        evil.estimators_ = [Bomb(trace)]
        arrays[part(tree, arrays, "forest_")] = np.frombuffer(skops.io.dumps(evil), dtype=np.uint8)

    refused(saved("random-forest", change), "not trusted: .*Bomb")
    assert not trace.exists()


def test_other_estimators_are_neither_read_nor_written(saved):
    import skops.io
    from sklearn.svm import SVR

    machine = SVR().fit(ARCHS, SCORES)

    def change(tree, arrays):
        arrays[part(tree, arrays, "forest_")] = np.frombuffer(skops.io.dumps(machine), dtype=np.uint8)

    refused(saved("random-forest", change), "SVR has no reviewed form")
    forest = fitted("random-forest")
    forest.forest_ = machine
    with pytest.raises(InvalidInputError, match=r"RandomForest\.forest_ cannot be saved: a SVR has no reviewed form"):
        forest.save("never.npz")


# -- trees that would make a library read what is not its own ----------------------------------------------------------


def _changed_tree(tree, **changes):
    """A copy of a fitted scikit-learn tree estimator whose node array was tampered with."""
    state = tree.tree_.__getstate__()
    nodes = state["nodes"].copy()
    for field, (index, value) in changes.items():
        nodes[field][index] = value
    state["nodes"] = nodes
    fresh = type(tree.tree_)(tree.n_features_in_, np.array([1]), 1)
    fresh.__setstate__(state)
    tree.tree_ = fresh
    return tree


@pytest.mark.parametrize(("name", "attribute"), [("random-forest", "forest_"), ("ngboost", "boost_")])
@pytest.mark.parametrize(
    "changes",
    [
        {"left_child": (0, 10**9)},
        {"right_child": (0, -2)},
        {"left_child": (0, 0)},
        {"left_child": (0, -1)},
        {"feature": (0, 10**6)},
        {"feature": (0, -5)},
    ],
    ids=str,
)
def test_out_of_range_trees_of_sklearn(saved, name, attribute, changes):
    import skops.io

    def change(tree, arrays):
        model = getattr(fitted(name), attribute)
        one = model.estimators_[1] if name == "random-forest" else model.base_models[1][0]
        _changed_tree(one, **changes)
        arrays[part(tree, arrays, attribute)] = np.frombuffer(skops.io.dumps(model), dtype=np.uint8)

    refused(saved(name, change), "refers to nodes or features that it does not have")


@pytest.mark.parametrize("count", [0, 2])
def test_a_tree_with_another_number_of_nodes(saved, count):
    """The node count is a number of its own in scikit-learn's state."""
    import skops.io

    def change(tree, arrays):
        model = fitted("random-forest").forest_
        one = model.estimators_[0]
        fresh = type(one.tree_)(one.n_features_in_, np.array([1]), 1)
        fresh.__setstate__(one.tree_.__getstate__() | {"node_count": count})
        one.tree_ = fresh
        arrays[part(tree, arrays, "forest_")] = np.frombuffer(skops.io.dumps(model), dtype=np.uint8)

    refused(saved("random-forest", change), "a tree")


def test_a_forest_of_other_width_than_its_trees(saved):
    import skops.io

    def change(tree, arrays):
        model = fitted("random-forest").forest_
        model.n_features_in_ = 2
        arrays[part(tree, arrays, "forest_")] = np.frombuffer(skops.io.dumps(model), dtype=np.uint8)

    refused(saved("random-forest", change), "another number of features than its forest")


@pytest.mark.parametrize(
    ("field", "index", "value"),
    [
        ("left_children", 0, 10**8),
        ("left_children", 0, -7),
        ("left_children", 0, 0),
        ("right_children", 0, -1),
        ("split_indices", 0, 10**6),
        ("parents", 1, 10**6),
        ("split_type", 0, 1),
    ],
)
def test_out_of_range_trees_of_xgboost(saved, field, index, value):
    def change(tree, arrays):
        key = part(tree, arrays, "booster_")
        model = json.loads(arrays[key].tobytes())
        model["learner"]["gradient_booster"]["model"]["trees"][0][field][index] = value
        arrays[key] = np.frombuffer(json.dumps(model).encode(), dtype=np.uint8)

    refused(saved("xgboost", change), "a tree (refers|splits)")


def test_xgboost_of_another_shape(saved):
    def change_with(edit):
        def change(tree, arrays):
            key = part(tree, arrays, "booster_")
            model = json.loads(arrays[key].tobytes())
            edit(model["learner"]["gradient_booster"])
            arrays[key] = np.frombuffer(json.dumps(model).encode(), dtype=np.uint8)

        return change

    refused(saved("xgboost", change_with(lambda b: b.update(name="gblinear"))), "kind 'gblinear'")
    refused(saved("xgboost", change_with(lambda b: b["model"]["trees"][0]["left_children"].pop())), "differ in length")
    refused(saved("xgboost", change_with(lambda b: b["model"]["trees"][0]["base_weights"].pop())), "differ in length")
    refused(saved("xgboost", change_with(lambda b: b["model"]["trees"].pop())), "trees that it does not have")
    refused(
        saved("xgboost", change_with(lambda b: b["model"].update(tree_info=[9] * 3))), "trees that it does not have"
    )


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("left_child", "99999999", "refers to nodes"),
        ("right_child", "-99999999", "refers to nodes"),
        ("left_child", "0", "refers to nodes"),
        ("split_feature", "5000", "refers to nodes or features"),
        ("num_cat", "1", "no reviewed form"),
        ("num_leaves", "3000", "differ in length"),
    ],
)
def test_out_of_range_trees_of_lightgbm(saved, field, value, match):
    pytest.importorskip("lightgbm")

    def change(tree, arrays):
        key = part(tree, arrays, "booster_")
        lines = arrays[key].tobytes().decode().split("\n")
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{field}="))
        rest = lines[at].split("=")[1].split(" ")[1:]
        new = f"{field}=" + " ".join([value, *rest])
        grown = len(new) - len(lines[at])
        lines[at] = new
        sizes = next(i for i, line in enumerate(lines) if line.startswith("tree_sizes="))
        first, *others = lines[sizes].split("=")[1].split()
        lines[sizes] = "tree_sizes=" + " ".join([str(int(first) + grown), *others])
        arrays[key] = np.frombuffer("\n".join(lines).encode(), dtype=np.uint8)

    refused(saved("lightgbm", change), match)


def test_lightgbm_with_wrong_tree_sizes(saved):
    pytest.importorskip("lightgbm")

    def change(tree, arrays):
        key = part(tree, arrays, "booster_")
        text = arrays[key].tobytes().decode().replace("tree_sizes=", "tree_sizes=9")
        arrays[key] = np.frombuffer(text.encode(), dtype=np.uint8)

    refused(saved("lightgbm", change), "other sizes than it says")


def test_check_tree_accepts_trees_and_nothing_else():
    _foreign.check_tree([1, -1, 3, -1, -1], [2, -1, 4, -1, -1], [0, -2, 2, -2, -2], 3)
    for left, right, feature in (
        ([1, -1, -1], [2, -1, -1], [3, 0, 0]),
        ([1, -1, -1], [3, -1, -1], [0, 0, 0]),
        ([1, 0, -1], [2, 2, -1], [0, 0, 0]),
        ([], [], []),
        ([1, -1], [2, -1, -1], [0, 0, 0]),
    ):
        with pytest.raises(ValueError, match="a tree"):
            _foreign.check_tree(left, right, feature, 3)


# -- writing -----------------------------------------------------------------------------------------------------------


def test_parameters_survive_with_their_types(tmp_path):
    predictor = get_predictor("gp", "nasbench201", encoding=("adjacency", "wl")).init(ARCHS, SCORES)
    predictor.save(tmp_path / "p.npz")
    loaded = Predictor.load(tmp_path / "p.npz")
    assert loaded.get_params() == predictor.get_params()
    assert loaded.encoding == ("adjacency", "wl")
    assert isinstance(loaded.scale_, TargetScale)


def test_an_uninitialised_predictor_can_be_saved(tmp_path):
    get_predictor("gp", SPACE, random_state=3).save(tmp_path / "p.npz")
    assert Predictor.load(tmp_path / "p.npz").random_state == 3


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("thing_", object(), r"BayesianLinear\.thing_ is a object, which cannot be saved"),
        ("thing_", [1, {"a": {2}}], r"BayesianLinear\.thing_\[1\]\['a'\] is a set"),
        ("thing_", np.array([None]), "is a ndarray, which cannot be saved"),
        ("_thing", 1, r"BayesianLinear\._thing cannot be saved: learned attributes end in an underscore"),
    ],
)
def test_what_has_no_safe_form_is_named_and_nothing_is_written(tmp_path, name, value, match):
    predictor = fitted("bayesian-linear")
    setattr(predictor, name, value)
    with pytest.raises(InvalidInputError, match=match):
        predictor.save(tmp_path / "p.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "p.npz"
    fitted("bayesian-linear").save(path)
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(persistence.np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space"):
        fitted("gp").save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=r"the folder .* does not exist"):
        fitted("bayesian-linear").save(tmp_path / "no" / "p.npz")


def test_a_file_of_another_kind_is_told(tmp_path):
    persistence.write_state(tmp_path / "s.npz", "surrogate", {"a": 1})
    with pytest.raises(InvalidFileError, match="not a predictor that archcast saved: it holds a surrogate"):
        persistence.read_state(tmp_path / "s.npz", "predictor")


def test_a_file_may_be_read_by_others_as_usual(tmp_path):
    (tmp_path / "usual").write_text("")
    fitted("bayesian-linear").save(tmp_path / "p.npz")
    assert (tmp_path / "p.npz").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array * np.nan,
        lambda array: array[..., None, None],
        lambda array: array.astype(complex),
        lambda array: np.concatenate([np.atleast_1d(array)] * 2),
        lambda array: array + 1,
    ],
    ids=["nan", "shape", "complex", "longer", "values"],
)
def test_an_array_that_was_changed_is_refused_at_once(change, tmp_path) -> None:
    path = tmp_path / "p.npz"
    space = archcast.get_space("nasbench201")
    rows = space.sample(12, 0)
    made = archcast.get_predictor("bayesian-linear", space, random_state=0).init(rows, rows.mean(axis=1))
    made.save(path)
    np.testing.assert_array_equal(archcast.Predictor.load(path).query(rows).mean, made.query(rows).mean)
    arrays = dict(np.load(path))
    name = next(key for key, array in arrays.items() if key != "archcast" and array.dtype == np.float64 and array.size)
    np.savez(path, **{**arrays, name: change(arrays[name])})
    with pytest.raises(InvalidFileError, match=r"p\.npz"):
        archcast.Predictor.load(path)

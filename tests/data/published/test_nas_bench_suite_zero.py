"""NAS-Bench-Suite-Zero: proxies as JSON, with architectures as tuples of five codings."""

from __future__ import annotations

import json

import numpy as np
import pytest

import archcast
from archcast.data import read_evidence
from archcast.data.naslib import native
from archcast.errors import InvalidFileError, InvalidInputError

NAMES = ("synflow", "nwot", "flops")


def entry(rng, score=None):
    proxies = {name: {"score": float(rng.random()), "time": 0.25} for name in NAMES}
    return {**proxies, "id": 7, "val_accuracy": 90.0 if score is None else score}


@pytest.fixture
def nb201(tmp_path, rng):
    rows = [(4, 0, 3, 1, 4, 3), (0, 0, 0, 0, 0, 0), (2, 3, 4, 0, 1, 2)]
    table = {d: {str(row): entry(rng, 80.0 + k) for k, row in enumerate(rows)} for d in ("cifar10", "ImageNet16-120")}
    table["cifar10"][str(rows[1])]["nwot"]["score"] = -1e8
    (tmp_path / "zc_nasbench201.json").write_text(json.dumps(table))
    return tmp_path, table


def test_a_published_test_accuracy_is_not_called_validation(nb201) -> None:
    path, table = nb201
    benchmark = archcast.load_benchmark("nas-bench-suite-zero/nasbench201/cifar10", path=path)
    assert list(benchmark.metrics) == ["test_accuracy_half_train"]
    assert benchmark.scores().tolist() == [80, 81, 82]
    assert list(archcast.load_benchmark("nas-bench-suite-zero/nasbench201/imagenet16-120", path).metrics) == [
        "test_accuracy"
    ]
    first = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
    assert benchmark.space.format(benchmark.archs)[0] == first
    rows = list(table["cifar10"].values())
    np.testing.assert_array_equal(benchmark.proxies["synflow"], [row["synflow"]["score"] for row in rows])
    assert np.isnan(benchmark.proxies["nwot"]).tolist() == [False, True, False]
    assert benchmark.left_out == "1 failed proxies"
    assert benchmark.costs["synflow_seconds"].tolist() == [0.25] * 3


def test_it_is_evidence_for_another_benchmark(nb201) -> None:
    path, table = nb201
    space = archcast.get_space("nasbench201")
    texts = native(space, ["(2, 3, 4, 0, 1, 2)", "(1, 1, 1, 1, 1, 1)", "(0, 0, 0, 0, 0, 0)"])
    benchmark = archcast.Benchmark("nasbench201/imagenet16-120", space, space.parse(texts), {"a": [1, 2, 3]}, "a")
    evidence = read_evidence(path / "zc_nasbench201.json", benchmark)
    expected = table["ImageNet16-120"]["(2, 3, 4, 0, 1, 2)"]["synflow"]["score"]
    assert evidence.proxies["synflow"][0] == expected
    assert np.isnan(evidence.proxies["synflow"]).tolist() == [False, True, False]


def test_other_spaces(tmp_path, rng) -> None:
    nb101 = (*(0, 1, 0, 1), *(0, 0, 1, 0), *(0, 0, 0, 1), *(0, 0, 0, 0), *(0, 4, 3, 1))
    cell = ((0, 3), (1, 2), (0, 0), (2, 6), (1, 1), (3, 5), (2, 4), (4, 2))
    cases = {
        "nasbench101/cifar10": (str(nb101), "0101;0010;0001;0000|input,conv3x3-bn-relu,conv1x1-bn-relu,output"),
        "transbench101_micro/jigsaw": ("(1, 0, 2, 3, 3, 3)", "64-41414-1_02_333"),
        "transbench101_macro/room_layout": ("(1, 2, 3, 4)", "64-1234-basic"),
    }
    for task, (text, expected) in cases.items():
        space, dataset = task.split("/")
        (tmp_path / f"zc_{space}.json").write_text(json.dumps({dataset: {text: entry(rng, -0.5)}}))
        benchmark = archcast.load_benchmark(f"nas-bench-suite-zero/{task}", tmp_path)
        assert benchmark.space.format(benchmark.archs) == [expected]
        assert list(benchmark.metrics) == ["val_neg_loss" if dataset == "room_layout" else "val_accuracy"]
    (tmp_path / "zc_nasbench301.json").write_text(json.dumps({"cifar10": {str((cell, cell)): entry(rng)}}))
    benchmark = archcast.load_benchmark("nas-bench-suite-zero/nasbench301/cifar10", tmp_path)
    assert benchmark.archs[0, :8].tolist() == [0, 3, 1, 2, 0, 0, 2, 6]
    lists = str([list(cell), list(cell)])  # as the released file of this space writes it
    (tmp_path / "zc_nasbench301.json").write_text(json.dumps({"cifar10": {lists: {**entry(rng), "arch": lists}}}))
    again = archcast.load_benchmark("nas-bench-suite-zero/nasbench301/cifar10", tmp_path)
    np.testing.assert_array_equal(again.archs, benchmark.archs)


def test_files_before_the_release_name_the_space_and_have_bare_numbers(tmp_path) -> None:
    row = {"flops": 62.5, "synflow": 68.2, "nwot": -1e8, "idx": "534", "val_accuracy": 68.25}
    table = {"nasbench201": {"cifar100": {"(4, 3, 3, 3, 2, 3)": row}}}
    (tmp_path / "zc_nasbench201.json").write_text(json.dumps(table))
    benchmark = archcast.load_benchmark("nas-bench-suite-zero/nasbench201/cifar100", tmp_path)
    assert benchmark.scores().tolist() == [68.25]
    assert {name: values[0] for name, values in benchmark.proxies.items()} == pytest.approx(
        {"flops": 62.5, "synflow": 68.2, "nwot": np.nan}, nan_ok=True
    )
    assert benchmark.left_out == "1 failed proxies"
    assert not benchmark.costs


@pytest.mark.parametrize(
    "text",
    ["(1, 2, 3)", "(1, 2, 3, 4, 5, 6)", "(1, 2, 3, 4, 0, 'a')", "(" * 90, "(" + "1," * 9999, "()", "(print(1),)"],
)
def test_tuples_of_another_shape(text) -> None:
    with pytest.raises(InvalidInputError, match="is not an architecture of space 'nasbench201' in NASLib's notation"):
        native(archcast.get_space("nasbench201"), [text])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", "is not a file of NAS-Bench-Suite-Zero"),
        ('{"cifar10": {"(1, 0)": 3}}', "has no table of proxies"),
        ('{"svhn": {}}', "has no data set 'cifar10'; it has svhn"),
        ('{"cifar10": ' * 2000, "is not a file of NAS-Bench-Suite-Zero"),
        ('{"cifar10": {"(9, 0)": {}}}', "NASLib's notation"),
    ],
)
def test_files_of_another_shape(tmp_path, content, message) -> None:
    (tmp_path / "zc_nasbench201.json").write_text(content)
    with pytest.raises(InvalidFileError, match=message):
        archcast.load_benchmark("nas-bench-suite-zero/nasbench201/cifar10", tmp_path)


def test_damaged_files(nb201, survives) -> None:
    path, _ = nb201
    file = path / "zc_nasbench201.json"
    assert survives(file, lambda: archcast.load_benchmark("nas-bench-suite-zero/nasbench201/cifar10", path)) > 15

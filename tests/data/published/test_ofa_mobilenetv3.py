"""DyNAS-T's tables of Once-for-All networks."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.errors import InvalidFileError


def network(rng):
    return {
        "wid": None,
        "ks": rng.choice([3, 5, 7], 20).tolist(),
        "e": rng.choice([3, 4, 6], 20).tolist(),
        "d": rng.choice([2, 3, 4], 5).tolist(),
        "r": [224],
    }


@pytest.fixture
def table(tmp_path, rng):
    networks = [network(rng) for _ in range(8)]
    networks[0]["d"] = [2, 3, 4, 2, 2]
    twin = json.loads(json.dumps(networks[0]))
    twin["ks"][2], twin["e"][3] = 10 - twin["ks"][2], 7  # beyond the depth of the first stage
    networks[5] = twin
    frame = pd.DataFrame(
        {
            "Sub-network": [str(one) for one in networks],
            "Date": "2022-11-01 05:40:09.265694",
            "Model Parameters": np.arange(8) + 5_000_000,
            "Latency (ms)": 0,
            "MACs": 255_502_624,
            "Top-1 Acc (%)": 75.0 + np.arange(8) / 10,
        }
    )
    frame.to_csv(tmp_path / "mbnv3w10_random_acc.csv", index=False)
    return tmp_path, networks, frame


def test_layers_beyond_the_depth_are_absent(table) -> None:
    path, networks, _ = table
    benchmark = archcast.load_benchmark("ofa-mobilenetv3", path)
    assert len(benchmark) == 7
    assert benchmark.left_out == "1 repeated networks"
    assert benchmark.space == archcast.get_space("ofa-mobilenetv3")
    first = json.loads(benchmark.space.format(benchmark.archs[:1])[0])
    assert first["d"] == networks[0]["d"]
    for stage, depth in enumerate(networks[0]["d"]):
        for at in range(4 * stage, 4 * stage + depth):
            assert (first["ks"][at], first["e"][at]) == (networks[0]["ks"][at], networks[0]["e"][at])
    absent = [f"k{4 * s + 3}" for s, d in enumerate(networks[0]["d"]) if d == 2]
    assert (benchmark.archs[0, [benchmark.space.columns.index(column) for column in absent]] == 0).all()
    np.testing.assert_allclose(benchmark.scores("val_top1"), [75.0, 75.1, 75.2, 75.3, 75.4, 75.6, 75.7])
    assert set(benchmark.costs) == {"params", "macs"}, "a latency of 0 was not measured"


def test_several_resolutions_are_a_decision(table) -> None:
    path, networks, frame = table
    frame.loc[1, "Sub-network"] = str({**networks[1], "r": [160]})
    frame.to_csv(path / "mbnv3w10_random_acc.csv", index=False)
    space = archcast.load_benchmark("ofa-mobilenetv3", path).space
    assert space.decisions["r"].values == (160, 224)
    assert len(space.columns) == 46


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('true')", "line 4"),
        ("{'ks': [3], 'e': [3], 'd': [2], 'r': [224]}", "must have 20 values"),
        ("{'ks': 3}", "line 4"),
        ("(" * 3000 + ")" * 3000, "line 4"),
        ("[" * 90 + "]" * 90, "line 4"),
        ("[" * 5000, "too long"),
    ],
)
def test_a_text_is_never_evaluated(table, text, message) -> None:
    path, _, frame = table
    frame.loc[2, "Sub-network"] = text
    frame.to_csv(path / "mbnv3w10_random_acc.csv", index=False)
    with pytest.raises(InvalidFileError, match=message):
        archcast.load_benchmark("ofa-mobilenetv3", path)


def test_a_column_is_missing_or_another_value(table) -> None:
    path, networks, frame = table
    file = path / "mbnv3w10_random_acc.csv"
    frame.drop(columns="Top-1 Acc (%)").to_csv(file, index=False)
    with pytest.raises(InvalidFileError, match=r"has no column 'Top-1 Acc \(%\)'"):
        archcast.load_benchmark("ofa-mobilenetv3", path)
    networks[1]["ks"][0] = 9
    frame.loc[1, "Sub-network"] = str(networks[1])
    frame.to_csv(file, index=False)
    with pytest.raises(InvalidFileError, match="ks\\[0\\] is 9, not one of \\(3, 5, 7\\)"):
        archcast.load_benchmark("ofa-mobilenetv3", file)


def _accuracy_folder(path, rng, sizes, n=6):
    """What Once-for-All's data set writes: the networks, accuracies by resolution, and all of them in one file."""
    networks = [{name: network(rng)[name] for name in ("ks", "e", "d")} for _ in range(n)]
    (path / "net_id.dict").write_text(json.dumps(sorted(map(json.dumps, networks)), indent=4))
    (path / "src").mkdir()
    merged = {}
    for size in sizes:
        part = {json.dumps({**one, "image_size": size}): 70.0 + size / 100 + k for k, one in enumerate(networks)}
        (path / "src" / f"{size}.dict").write_text(json.dumps(part, indent=4))
        merged |= part
    (path / "acc.dict").write_text(json.dumps(merged, indent=4))
    return networks


def test_accuracy_data_sets_of_once_for_all(tmp_path, rng) -> None:
    networks = _accuracy_folder(tmp_path, rng, [128, 224])
    benchmark = archcast.load_benchmark("ofa-mobilenetv3", tmp_path)
    assert len(benchmark) == 12
    assert benchmark.space.decisions["r"].values == (128, 224)
    (tmp_path / "acc.dict").unlink()  # not merged yet
    again = archcast.load_benchmark("ofa-mobilenetv3", tmp_path)
    np.testing.assert_array_equal(again.scores(), benchmark.scores())
    np.testing.assert_array_equal(again.archs, benchmark.archs)
    one = archcast.load_benchmark("ofa-mobilenetv3", tmp_path / "src" / "224.dict")
    assert one.space == archcast.get_space("ofa-mobilenetv3")
    assert one.scores().tolist() == [72.24 + k for k in range(6)]
    first = json.loads(one.space.format(one.archs[:1])[0])
    assert first["d"] == networks[0]["d"]


def test_accuracies_of_another_supernet_are_choices(tmp_path) -> None:
    texts = [json.dumps({"d": [0, 1, k], "e": [0.2, 0.25], "w": [1, 2], "image_size": 160}) for k in range(3)]
    (tmp_path / "acc.dict").write_text(json.dumps({text: 75.0 + k for k, text in enumerate(texts)}))
    benchmark = archcast.load_benchmark("ofa-mobilenetv3", tmp_path)
    assert benchmark.scores().tolist() == [75, 76, 77]
    assert [row["d3"] for row in benchmark.space.dicts(benchmark.archs)] == [0, 1, 2]


def test_a_table_of_another_supernet(tmp_path) -> None:
    rows = [{"encoder_embed_dim": [640], "decoder_layer_num": [k], "heads": [8, 4]} for k in (1, 2, 3)]
    frame = pd.DataFrame(
        {"Sub-network": list(map(str, rows)), "Latency (ms)": 0, "MACs": 9, "BLEU Score": [26.0, 25, 24]}
    )
    frame.to_csv(tmp_path / "transformerlt.csv", index=False)
    benchmark = archcast.load_benchmark("ofa-mobilenetv3", tmp_path / "transformerlt.csv")
    assert benchmark.scores("bleu_score").tolist() == [26, 25, 24]
    assert [row["decoder_layer_num1"] for row in benchmark.space.dicts(benchmark.archs)] == [1, 2, 3]
    frame.drop(columns="BLEU Score").to_csv(tmp_path / "transformerlt.csv", index=False)
    with pytest.raises(InvalidFileError, match=r"has no column 'Top-1 Acc \(%\)'"):
        archcast.load_benchmark("ofa-mobilenetv3", tmp_path / "transformerlt.csv")


@pytest.mark.parametrize("content", ['{"{": 3}', '{"[1]": 3}', '{"{\\"ks\\": 3}": 3}', '{"1": "x"}', "{", "{}"])
def test_accuracies_of_another_shape(tmp_path, content) -> None:
    (tmp_path / "acc.dict").write_text(content)
    with pytest.raises(InvalidFileError, match=r"acc\.dict"):
        archcast.load_benchmark("ofa-mobilenetv3", tmp_path)


def test_damaged_files(table, survives) -> None:
    path, _, _ = table
    assert survives(path / "mbnv3w10_random_acc.csv", lambda: archcast.load_benchmark("ofa-mobilenetv3", path)) > 5


def test_damaged_accuracies(tmp_path, rng, survives) -> None:
    _accuracy_folder(tmp_path, rng, [224], n=3)
    assert (
        survives(tmp_path / "acc.dict", lambda: archcast.load_benchmark("ofa-mobilenetv3", tmp_path / "acc.dict")) > 15
    )


def test_real_files(shared) -> None:
    benchmark = archcast.load_benchmark("ofa-mobilenetv3", shared / "formats" / "dynas-ofa-mbv3")
    assert len(benchmark) > 800
    assert len(np.unique(benchmark.archs, axis=0)) == len(benchmark)
    counted = benchmark.space.costs(benchmark.archs)
    np.testing.assert_array_equal(counted["params"], benchmark.costs["params"])
    np.testing.assert_array_equal(counted["macs"], benchmark.costs["macs"])
    assert 71.9 <= benchmark.scores().min() <= benchmark.scores().max() <= 77.4

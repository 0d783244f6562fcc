"""Costs against published ones: NAS-Bench-Suite-Zero's tables, and full figures that their authors printed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from archcast.spaces import get_space
from archcast.spaces.base import SearchSpace

MICRO, MACRO = get_space("transnasbench101-micro"), get_space("transnasbench101-macro")

PUBLISHED = [
    # (space, row, task, millions of parameters, millions of operations as TensorWatch counts them)
    (MICRO, "232323", "class_object", 22.391940, 4662.880768),
    (MICRO, "311212", "class_object", 7.911300, 1719.888384),
    (MICRO, "333300", "class_object", 26.117252, 5463.075328),
    (MICRO, "333333", "room_layout", 41.416233, None),
    (MICRO, "232323", "segmentsemantic", 33.364817, 5598.380032),
    (MICRO, "311212", "segmentsemantic", 18.884177, 2655.387648),
    (MICRO, "333300", "segmentsemantic", 37.090129, 6398.574592),
    (MICRO, "232323", "autoencoder", None, 6285.262848),
    (MICRO, "311212", "autoencoder", None, 3342.270464),
    (MICRO, "002123", "autoencoder", None, 3593.469952),
    (MACRO, "433132", "class_object", 5.083780, 906.493184),
    (MACRO, "3332", "class_object", 1.014532, 330.586752),
    (MACRO, "22231", "class_object", 30.235524, 64850.053632),
    (MACRO, "232323", "class_scene", 23.810143, 8412.831744),
    (MACRO, "311212", "class_scene", 3.699935, 3847.127040),
    (MACRO, "33233", "class_scene", 2.072543, 470.471680),
]


def parse(space, text):
    return space.parse(text if space is MICRO else f"64-{text}-basic")


@pytest.mark.parametrize(("space", "text", "task", "params", "flops"), PUBLISHED)
def test_published_networks(space, text, task, params, flops):
    found = space.costs(parse(space, text), "tensorwatch", task=task)
    if flops is not None:
        assert found["macs"][0] == round(flops * 1e6)
    if params is not None:
        assert found["params"][0] == round(params * 1e6)


def test_a_macro_network_in_full():
    row = MACRO.parse("64-1114-basic")
    assert MACRO.costs(row)["params"] == 997_087
    assert float(f"{MACRO.costs(row)['macs'][0] / 1e6:.6g}") == 2438.47
    assert float(f"{MACRO.costs(row, 'tensorwatch')['macs'][0] / 1e6:.6g}") == 2452.11


@pytest.mark.parametrize("task", ["class_scene", "class_object", "jigsaw"])
def test_all_published_cells(task, shared):
    table = pd.read_csv(shared / "benchmarks" / "tnb101_micro_zc.csv.gz", dtype={"ops": str})
    table = table[table.task == task].dropna(subset=["flops"])
    assert len(table) > 700
    found = MICRO.costs(MICRO.parse(table.ops), "tensorwatch", task=task)
    np.testing.assert_allclose(found["params"] / 1e6, table.params, rtol=5e-6)
    np.testing.assert_allclose(found["macs"] / 1e6, table.flops, rtol=5e-6)


def test_all_published_skeletons(shared):
    table = pd.read_csv(shared / "benchmarks" / "tnb101_macro_scene.csv.gz", dtype={"ops": str}).dropna(
        subset=["flops"]
    )
    assert len(table) == 662
    found = MACRO.costs([parse(MACRO, text)[0] for text in table.ops], "tensorwatch")
    np.testing.assert_allclose(found["params"] / 1e6, table.params, rtol=5e-6)
    np.testing.assert_allclose(found["macs"] / 1e6, table.flops, rtol=5e-6)


@pytest.mark.parametrize("space", [MICRO, MACRO])
@pytest.mark.parametrize("task", list(MICRO.tasks))
def test_all_seven_tasks_against_built_networks(space, task):
    rows = space.sample(2, 5)
    for convention in ("macs", "tensorwatch", "thop"):
        found, built = space.costs(rows, convention, task=task), SearchSpace.costs(space, rows, convention, task=task)
        np.testing.assert_array_equal(found["params"], built["params"])
        if (task, convention) == ("jigsaw", "tensorwatch"):  # the published counts see one of nine tiles
            assert (found["macs"] < built["macs"] / 5).all()
        else:
            np.testing.assert_array_equal(found["macs"], built["macs"])


def test_a_transposed_convolution_is_work_that_the_published_counts_leave_out():
    rows = MACRO.enumerate()
    real, published = (MACRO.costs(rows, c, task="segmentsemantic")["macs"] for c in ("macs", "tensorwatch"))
    assert (real > published).all()
    assert 1.7 < (real / published).max() < 1.8  # a transposed convolution multiplies once for each pixel of its input

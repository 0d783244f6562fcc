"""Numbers with units in tables."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest

from archcast import Choices
from archcast.errors import InvalidInputError
from archcast.spaces._frames import columns_of
from archcast.spaces._units import Quantity, has_mixed_units, quantities, reading


@pytest.mark.parametrize(
    ("texts", "numbers", "said"),
    [
        (["16MB", "32 MB", None], [16, 32, None], "'16MB' is read as 16 MB"),
        (["512MB", "2GB", "64kB"], [512, 2000, 0.064], "'512MB' is read as 512 MB"),
        (["1GiB", "0"], [1073.741824, 0], "'1GiB' is read as 1073.741824 MB"),
        (["1.5k", "900", "2M"], [1500, 900, 2_000_000], "'1.5k' is read as 1500"),
        (["7B", "350M"], [7_000_000_000, 350_000_000], "'7B' is read as 7000000000"),
        (["30 ms", "1.2s", "800us", "1 min"], [30, 1200, 0.8, 60_000], "'30 ms' is read as 30 ms"),
        (["4.1 GFLOPs", "300MFLOPs"], [4_100_000_000, 300_000_000], "'4.1 GFLOPs' is read as 4100000000"),
        (["25.6M params", "3.5Mparams"], [25_600_000, 3_500_000], "'25.6M params' is read as 25600000"),
        (["3x", "6x", "-1.5e1x"], [3, 6, -15], "'3x' is read as 3"),
        (["x0.5", "×2", "3×", "4 x"], [0.5, 2, 3, 4], "'x0.5' is read as 0.5"),
        (["4bit", "16 bit"], [4, 16], "'4bit' is read as 4"),
        (["30 img/s"], [30], "'30 img/s' is read as 30"),
    ],
)
def test_one_kind_of_unit_makes_numbers(texts, numbers, said):
    found = quantities(texts)
    assert [None if one is None else one.plain for one in found] == numbers
    assert [None if one is None else str(one) for one in found] == texts
    assert reading(found) == said
    assert not has_mixed_units(texts)


@pytest.mark.parametrize(
    ("values", "mixed"),
    [
        (["2 ms", "3 MB"], True),
        (["2 ms", "3"], True),
        (["3x", "6px"], True),
        (["3x3", "5x5"], False),
        (["x3x", "x5px"], False),
        (["relu", "3x"], False),
        (["16", "32"], False),  # texts that are numbers are none with a unit
        (["1_000k", "2k"], False),
        (["k", "M"], False),
        ([16, "32MB"], False),
        ([None, None], False),
        ([], False),
        (["nan ms"], False),
        (["1e999MB", "2MB"], False),
        (["9e999999k"], False),
        (["1e99999999999999999999 ms"], False),
        (["9" * 400 + "k"], False),
        (["\u0663x"], False),  # a digit of another script
        (["1e999999k", "2k"], False),
    ],
)
def test_what_is_left_as_it_is(values, mixed):
    assert quantities(values) is None
    assert has_mixed_units(values) == mixed
    assert reading(values) == ""


def test_decimal_commas():
    assert [one.plain for one in quantities(["12,5 ms", "3ms", "0.5 s"], comma=True)] == [12.5, 3, 500]
    assert quantities(["1,250,000k"], comma=True) is None


def test_a_quantity_is_its_number_and_its_text():
    one = pickle.loads(pickle.dumps(Quantity("2GB", 2000.0, "MB")))
    assert (one, one.text, one.unit, one.plain, repr(one)) == (2000, "2GB", "MB", 2000, "'2GB'")
    assert json.dumps(one) == "2000.0"


def test_spaces_of_tables_with_units(tmp_path):
    table = {"mem": ["16MB", "1GB", "32MB"] * 3, "e": ["3x", "6x", "3x"] * 3, "odd": ["2 ms", "3", "2 ms"] * 3}
    (tmp_path / "t.csv").write_text(pd.DataFrame(table).to_csv(index=False))
    for frame in (
        table,
        pd.DataFrame(table),
        [dict(zip(table, row)) for row in zip(*table.values())],
        tmp_path / "t.csv",
    ):
        space = Choices.from_table(frame)
        assert space.describe().splitlines()[1:] == [
            "  mem  16, 32, 1000 (numbers, ratios count); '16MB' is read as 16 MB",
            "  e    3, 6 (numbers); '3x' is read as 3",
            "  odd  '2 ms', '3' (categories); its units differ",
        ]
        assert all(type(value) is int for value in space.decisions["mem"].values)
        np.testing.assert_array_equal(space.rows(frame)[:2], [[0, 0, 0], [2, 1, 1]])
    assert Choices.from_json(space.to_json()).describe() == space.describe()
    assert space.row({"mem": "1000 MB", "e": 6, "odd": "3"}).tolist() == [2, 1, 1]  # in another unit, or with none
    with pytest.raises(InvalidInputError, match="mem: '2GB' is none of its values, which are 16, 32, 1000"):
        space.row({"mem": "2GB", "e": "3x", "odd": "3"})


def test_a_space_that_has_texts_with_units_keeps_them():
    space = Choices(mem=["1000MB", "1GB", "2GB"], e=["3x", "6x"])
    frame = {"mem": ["1GB", "1000MB", "2GB"], "e": ["6x", "3x", "3x"]}
    assert columns_of(frame)["mem"][0] == columns_of(frame)["mem"][1]  # equal as numbers
    assert space.rows(frame).tolist() == [[1, 1], [0, 0], [2, 0]]
    assert space.dicts(space.rows(frame))[0] == {"mem": "1GB", "e": "6x"}

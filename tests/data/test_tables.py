"""User tables: what is read, and that every bad line is named."""

from __future__ import annotations

import gzip
import json
import re

import numpy as np
import pytest

import archcast
from archcast.data import read_evidence, read_table
from archcast.data.tables import read_texts
from archcast.errors import ArchcastError, DataNotFoundError, InvalidFileError

SPACE = archcast.get_space("nasbench201")
ARCHS = SPACE.sample(5, 0)
TEXTS = SPACE.format(ARCHS)


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.csv"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.mark.parametrize("name", ["mine.csv", "mine.csv.gz"])
def test_reads_columns_by_name(write, name) -> None:
    lines = [f'{i}.5,"{text}",{i}' if i != 2 else f"2.5,{text}," for i, text in enumerate(TEXTS)]
    path = write("\ufeffacc,cell,snip\r\n" + "\r\n".join(lines) + "\r\n\r\n", name)
    benchmark = read_table(path, "nasbench201", arch_column="cell", score_column="acc", proxy_columns=["snip"])
    assert benchmark.name == "mine"
    assert (benchmark.archs == ARCHS).all()
    assert benchmark.default_metric == "acc"
    assert benchmark.scores().tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    np.testing.assert_array_equal(benchmark.proxies["snip"], [0, 1, np.nan, 3, 4])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("|none~0|,1", r"mine\.csv', line 3: '\|none~0\|' is not an architecture of space 'nasbench201'"),
        (",1", "line 3: '' is not an architecture"),
        (f"{TEXTS[1]},high", "line 3: score 'high' is not a finite number"),
        (f"{TEXTS[1]},nan", "line 3: score 'nan' is not a finite number"),
        (f"{TEXTS[1]},", "line 3: score '' is not a finite number"),
        (f"{TEXTS[1]},inf", "line 3: score 'inf' is not a finite number"),
        (TEXTS[1], "line 3: 1 fields, the header has 2"),
        (f"{TEXTS[1]},1,2", "line 3: 3 fields, the header has 2"),
        (f'"{TEXTS[1]}"x,1', "is not a CSV file"),
    ],
)
def test_a_bad_line_is_named(write, line, message) -> None:
    with pytest.raises(InvalidFileError, match=message) as caught:
        read_table(write(f"arch,score\n{TEXTS[0]},1\n{line}\n{TEXTS[2]},1\n"), "nasbench201")
    assert "\n" not in str(caught.value)


def test_line_numbers_count_lines_of_the_file(write) -> None:
    text = f'arch,score,note\n{TEXTS[0]},1,"two\nlines"\n\n{TEXTS[1]},oops,x\n'
    with pytest.raises(InvalidFileError, match="line 5: score 'oops'"):
        read_table(write(text), "nasbench201")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ('[{"arch": 1}]', "is JSON: a CSV with the column 'arch' is needed here"),
        ("arch,score\n", "has a header but no rows"),
        ("archs,score\na,1\n", "has no column 'arch'. Did you mean 'archs'"),
        ("arch,score,arch\na,1,b\n", "two columns of the same name"),
    ],
)
def test_bad_tables(write, text, message) -> None:
    with pytest.raises(InvalidFileError, match=message):
        read_table(write(text), "nasbench201")


def test_files_that_are_no_tables(write, tmp_path) -> None:
    with pytest.raises(DataNotFoundError, match="No file"):
        read_table(tmp_path / "absent.csv", "nasbench201")
    with pytest.raises(DataNotFoundError, match="No file"):
        read_table(tmp_path, "nasbench201")
    path = tmp_path / "broken.csv.gz"
    path.write_bytes(gzip.compress(("arch,score\n" + f"{TEXTS[0]},1\n" * 5000).encode())[:-10])
    with pytest.raises(InvalidFileError, match="is a damaged gzip file"):
        read_table(path, "nasbench201")
    path.write_bytes(b"plain")
    with pytest.raises(InvalidFileError, match="has no column"):
        read_table(path, "nasbench201")
    path = tmp_path / "latin.csv"
    path.write_bytes("arch,score\né,1\n".encode("latin-1"))
    with pytest.raises(InvalidFileError, match="is not text in UTF-8: line 2"):
        read_table(path, "nasbench201")


def test_texts_of_a_column_as_excel_saves_it(tmp_path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(f"score;arch\r\n1,5;{TEXTS[0]}\r\n2,5;\r\n3,5;{TEXTS[1]}\r\n".encode("utf-16"))
    assert read_texts(path, "arch") == [TEXTS[0], TEXTS[1]]
    with pytest.raises(InvalidFileError, match=r"has no column 'archs'. Did you mean 'arch'"):
        read_texts(path, "archs")


def test_evidence_is_matched_by_architecture(write) -> None:
    benchmark = archcast.Benchmark("b", SPACE, ARCHS, {"s": np.arange(5.0)}, "s")
    other = SPACE.format([[1, 2, 3, 4, 0, 1]])[0]
    evidence = read_evidence(write(f"synflow,arch,snip\n3,{TEXTS[3]},30\n9,{other},9\n0,{TEXTS[0]},\n"), benchmark)
    np.testing.assert_array_equal(evidence.proxies["synflow"], [0, np.nan, np.nan, 3, np.nan])
    np.testing.assert_array_equal(evidence.proxies["snip"], [np.nan, np.nan, np.nan, 30, np.nan])


def test_evidence_of_a_twin_is_taken(write) -> None:
    twins = SPACE.format([[0, 3, 0, 0, 0, 4], [1, 0, 3, 0, 0, 4], [3, 0, 1, 0, 0, 4], [3, 3, 3, 3, 3, 3]])
    benchmark = archcast.Benchmark("b", SPACE, SPACE.parse(twins), {"s": np.arange(4.0)}, "s")
    evidence = read_evidence(write(f"arch,snip\n{twins[0]},1\n{twins[2]},2\n"), benchmark)
    found = evidence.proxies["snip"]
    assert (found[0], found[2]) == (1, 2), "its own line comes first"
    assert found[1] in (1, 2)
    assert np.isnan(found[3])


@pytest.mark.parametrize("form", ["lines", "list"])
def test_evidence_in_json(tmp_path, form) -> None:
    benchmark = archcast.Benchmark("b", SPACE, ARCHS, {"s": np.arange(5.0)}, "s")
    records = [
        {"arch": TEXTS[3], "scores": {"synflow": 3.5}, "failures": {"zen": "no BN"}, "seconds": 0.1},
        {"arch": TEXTS[0], "scores": {"synflow": 1, "snip": -2e30}, "failures": {}, "seconds": 0.1},
    ]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    path = tmp_path / ("proxies.jsonl" if form == "lines" else "proxies.json")
    path.write_text(lines if form == "lines" else json.dumps(records, indent=2))
    evidence = read_evidence(path, benchmark)
    np.testing.assert_array_equal(evidence.proxies["synflow"], [1, np.nan, np.nan, 3.5, np.nan])
    np.testing.assert_array_equal(evidence.proxies["snip"], [-2e30, np.nan, np.nan, np.nan, np.nan])
    assert np.isnan(evidence.proxies["zen"]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('["a"]', "line 1: it is no object with 'arch' and 'scores'"),
        ('{"scores": {"snip": 1}}', "line 1: it is no object with 'arch'"),
        ('{"arch": "|x|", "scores": {"snip": 1}}', "line 1: '|x|' is not an architecture"),
        ('\n{"arch": "' + TEXTS[0] + '", "scores": {"snip": null}}', "line 2: snip 'None' is not a finite number"),
    ],
)
def test_bad_evidence_in_json(tmp_path, text, message) -> None:
    benchmark = archcast.Benchmark("b", SPACE, ARCHS, {"s": np.arange(5.0)}, "s")
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(InvalidFileError, match=re.escape(message)):
        read_evidence(tmp_path / "bad.json", benchmark)
    with pytest.raises(ArchcastError, match="No file"):
        read_evidence(tmp_path / "none.json", benchmark)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arch\n" + TEXTS[0], "has no column besides 'arch'"),
        (f"arch,snip\n{SPACE.format([[1, 2, 3, 4, 0, 1]])[0]},1\n", "names none of the architectures of benchmark 'b'"),
        (f"arch,snip\n{TEXTS[0]},x\n", "line 2: snip 'x' is not a finite number"),
    ],
)
def test_bad_evidence(write, text, message) -> None:
    benchmark = archcast.Benchmark("b", SPACE, ARCHS, {"s": np.arange(5.0)}, "s")
    with pytest.raises(ArchcastError, match=message):
        read_evidence(write(text), benchmark)

"""User tables: what is read, and that every bad line is named."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

import archcast
from archcast.data import read_evidence, read_table
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
        ("", "has no column 'arch'"),
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
    with pytest.raises(InvalidFileError, match="is not a CSV file"):
        read_table(path, "nasbench201")
    path.write_bytes(b"plain")
    with pytest.raises(InvalidFileError, match="is not a CSV file"):
        read_table(path, "nasbench201")
    path = tmp_path / "latin.csv"
    path.write_bytes("arch,score\né,1\n".encode("latin-1"))
    with pytest.raises(InvalidFileError, match="is not a CSV file"):
        read_table(path, "nasbench201")


def test_evidence_is_matched_by_architecture(write) -> None:
    benchmark = archcast.Benchmark("b", SPACE, ARCHS, {"s": np.arange(5.0)}, "s")
    other = SPACE.format([[1, 2, 3, 4, 0, 1]])[0]
    evidence = read_evidence(write(f"synflow,arch,snip\n3,{TEXTS[3]},30\n9,{other},9\n0,{TEXTS[0]},\n"), benchmark)
    np.testing.assert_array_equal(evidence.proxies["synflow"], [0, np.nan, np.nan, 3, np.nan])
    np.testing.assert_array_equal(evidence.proxies["snip"], [np.nan, np.nan, np.nan, 30, np.nan])


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

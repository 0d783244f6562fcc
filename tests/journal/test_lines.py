"""Journals lose nothing but a torn line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcast.errors import InvalidFileError
from archcast.journal import Journal

JSON = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(JSON, min_size=1, max_size=5), st.data())
def test_a_cut_anywhere_loses_only_what_comes_after_it(tmp_path_factory, records, data) -> None:
    path = tmp_path_factory.mktemp("journal") / "x.jsonl"
    journal = Journal(path)
    for record in records:
        journal.add(record)
    assert Journal(path).records() == records
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    assert Journal(path).records() == records[:kept]
    Journal(path).add("more")
    assert Journal(path).records() == [*records[:kept], "more"]


def test_a_torn_line_is_not_joined_to_the_next(tmp_path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n{"a": ')
    Journal(path).append('{"a": 3}\n')  # nobody read it before
    assert path.read_text() == '{"a": 1}\n{"a": 3}\n'


def test_a_byte_order_mark_loses_no_line(tmp_path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n')
    journal = Journal(path)
    assert journal.records() == [{"a": 1}, {"a": 2}]
    journal.add({"a": 3})
    assert Journal(path).records() == [{"a": 1}, {"a": 2}, {"a": 3}]


@pytest.mark.parametrize("content", [b"{]\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n"], ids=["json", "text", "depth"])
def test_a_damaged_line_is_named(tmp_path, content) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": 1}\n' + content)
    with pytest.raises(InvalidFileError, match=r"x\.jsonl' cannot be continued: (line 2|byte 9)") as caught:
        Journal(path).records()
    assert len(str(caught.value)) < 400 + len(str(tmp_path))
    assert path.read_bytes() == b'{"a": 1}\n' + content, "nothing is changed"


def test_the_cut_is_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("1\n2")

    def fail(*_):
        raise OSError("disk")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk"):
        Journal(path).text()
    assert path.read_text() == "1\n2"

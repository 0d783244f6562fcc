"""Inputs that are no numbers, no paths, no files of ours: each costs one clear line, none becomes a number silently."""

from __future__ import annotations

import datetime
import io
import os
import struct
import sys
import tempfile
import unittest.mock
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import archcast
from archcast import choosing
from archcast.checks import array_of, callback, generator, numbers, path_of
from archcast.cli import main
from archcast.data import fetching
from archcast.data.tables import read_evidence, read_table
from archcast.errors import LONGEST, ArchcastError, InvalidFileError, InvalidInputError, short
from archcast.evidence import Pool, Source
from archcast.files import read_arrays
from archcast.forecasting.readers.jsonlines import runs_of_json
from archcast.journal import claimed
from archcast.search import FunctionObjective
from archcast.spaces._frames import read_columns

SPACE = archcast.get_space("nasbench201")
ARCHS = SPACE.sample(6, 0)
SCORES = np.arange(6.0)

NO_NUMBERS: dict[str, Any] = {
    "texts": SCORES.astype(str),
    "a list of digits": ["1"] * 6,
    "underscores": ["1_0"] * 6,
    "full-width digits": ["１"] * 6,
    "bytes": [b"1"] * 6,
    "complex": SCORES + 1j,
    "complex objects": [1j] * 6,
    "dates": np.zeros(6, "datetime64[D]"),
    "durations": np.zeros(6, "timedelta64[s]"),
    "dates of Python": [datetime.datetime(2026, 1, 1)] * 6,
    "truth values": SCORES > 2,
    "records": np.zeros(6, dtype=[("a", int)]),
    "rows of different lengths": [[1], [2, 3]] * 3,
    "an integer beyond floats": [10**400] * 6,
    "a function": len,
}


class Rude:
    """Raises from whatever it is asked."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no array\nat all")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def one_clear_line(error: ArchcastError, *parts: str) -> None:
    message = str(error)
    assert "\n" not in message
    assert len(message) <= LONGEST
    for part in parts:
        assert part in message


@pytest.mark.parametrize("what", sorted(NO_NUMBERS))
def test_what_is_no_number_is_refused_by_name(what: str) -> None:
    values = NO_NUMBERS[what]
    forest = archcast.get_predictor("random-forest", space=SPACE)
    calls = {
        "scores": lambda: forest.init(ARCHS, values),
        "source.scores": lambda: Source(SPACE, ARCHS, values),
        "metrics['m']": lambda: archcast.Benchmark("b", SPACE, ARCHS, {"m": values}, "m"),
        "train_seconds": lambda: archcast.Benchmark("b", SPACE, ARCHS, {"m": SCORES}, "m", train_seconds=values),
    }
    if what != "truth values":  # a proxy may be one
        calls["evidence.proxies['p']"] = lambda: archcast.Evidence(proxies={"p": values})
    for name, call in calls.items():
        with pytest.raises(InvalidInputError) as caught:
            call()
        one_clear_line(caught.value, name)


def test_a_mask_is_kept() -> None:
    masked = np.ma.masked_array(SCORES, mask=SCORES > 3)
    assert np.isnan(archcast.Evidence(proxies={"p": masked}).proxies["p"][4:]).all()
    assert np.isnan(archcast.Benchmark("b", SPACE, ARCHS, {"m": masked}, "m").scores()[4:]).all()
    with pytest.raises(InvalidInputError, match=r"scores\[4\] is nan"):
        archcast.get_predictor("random-forest", space=SPACE).init(ARCHS, masked)
    with pytest.raises(InvalidInputError, match="archs must hold integers, got nan at"):
        SPACE.validate(np.ma.masked_array(ARCHS, mask=ARCHS[0, 0] == ARCHS))


@pytest.mark.parametrize(
    "archs",
    [ARCHS + 0.5, ARCHS.astype(str), ARCHS.astype(complex), ARCHS > 2, [[1, 2], [3]], Rude(), [[10**30] * 6], len],
    ids=["halves", "texts", "complex", "truth", "ragged", "rude", "big", "function"],
)
def test_archs_are_whole_numbers(archs: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        SPACE.validate(archs)
    one_clear_line(caught.value, "archs")


def test_numbers_that_are_numbers() -> None:
    np.testing.assert_array_equal(numbers("x", [1, None, 2.5]), [1, np.nan, 2.5])
    np.testing.assert_array_equal(numbers("x", np.array([True, False]), truth=True), [1, 0])
    np.testing.assert_array_equal(numbers("x", np.array([1, 2.5], dtype=object)), [1, 2.5])


@pytest.mark.parametrize("seed", ["1", 1.5, -1, True, [1], Rude()], ids=lambda seed: type(seed).__name__)
def test_seeds(seed: Any) -> None:
    for name, call in {
        "rng": lambda: SPACE.sample(2, seed),
        "random_state": lambda: archcast.get_predictor("gp", space=SPACE, random_state=seed).init(ARCHS, SCORES),
    }.items():
        with pytest.raises(InvalidInputError) as caught:
            call()
        one_clear_line(caught.value, name)
    assert generator("rng", np.int64(3)).integers(10**9) == np.random.default_rng(3).integers(10**9)


@pytest.mark.parametrize("value", [None, 3, True, "", b"x", "a\0b", [1], Rude()], ids=lambda v: type(v).__name__)
def test_paths(value: Any) -> None:
    for call in (lambda: path_of("path", value), lambda: archcast.Predictor.load(value)):
        with pytest.raises(InvalidInputError) as caught:
            call()
        one_clear_line(caught.value, "path")


@pytest.mark.parametrize("value", [1.5, "abc", [1], {"a": 1}, Rude()], ids=lambda value: type(value).__name__)
def test_wrong_kinds_are_named(value: Any) -> None:
    forest = archcast.get_predictor("random-forest", space=SPACE)
    calls = {
        "evidence": lambda: forest.init(ARCHS, SCORES, value),
        "pool": lambda: forest.init(ARCHS, SCORES, pool=value),
        "sources": lambda: forest.init(ARCHS, SCORES, sources=value),
        "source.evidence": lambda: Source(SPACE, ARCHS, SCORES, value),
        "pool.evidence": lambda: Pool(ARCHS, value),
        "space": lambda: archcast.get_space(value),
        "metric": lambda: archcast.Benchmark("b", SPACE, ARCHS, {"m": SCORES}, "m").scores(metric=value),
        "default_metric": lambda: archcast.Benchmark("b", SPACE, ARCHS, {"m": SCORES}, value),
        "predictor": lambda: archcast.get_predictor(value, SPACE),
        "task": lambda: SPACE.task_of(value),
    }
    if not isinstance(value, dict):
        calls["evidence.curves"] = lambda: archcast.Evidence(curves=value)
        calls["conditions"] = lambda: archcast.Choices(w=[1, 2], conditions=value)
    for name, call in calls.items():
        with pytest.raises(InvalidInputError) as caught:
            call()
        one_clear_line(caught.value, name)


def _table_of_one_cell() -> archcast.Benchmark:
    return archcast.Benchmark("b", SPACE, ARCHS, {"m": SCORES}, "m")


def _supernet() -> Any:
    from archcast.supernets import get_supernet

    return get_supernet(SPACE, archcast.Task((1, 8, 8), width=2, depth=1, stages=1))


def _judged(progress: Any) -> Any:
    from archcast.supernets import evaluate

    images, labels = torch.randn(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64)
    return evaluate(_supernet(), ARCHS[:1], images, labels, progress=progress)


def _chosen(**more: Any) -> Any:
    rows = [{"width": w, "act": a, "acc": w + (a == "b")} for w in (1, 2, 3) for a in "ab"]
    return choosing.choose(choosing.read_table(rows), ["bayesian-linear"], **more)


NO_ROWS = np.zeros((0, 6), dtype=int)
OF_AN_ATTACK: dict[str, tuple[str, Any]] = {
    "a seed beyond torch": ("seed", lambda: archcast.costs.measure(SPACE, ARCHS[:1], seed=10**30)),
    "no decision at all": ("architecture", lambda: archcast.Choices(a=[1, 2]).row({})),
    "an array as a name": ("score", lambda: choosing.read_table({"a": [1]}, score=np.zeros((0, 6)))),
    "a path of no rows": ("row", lambda: _supernet().inherited(NO_ROWS)),
    "two paths": ("row", lambda: _supernet().inherited(ARCHS[:2])),
    "a pass of no rows": ("row", lambda: _supernet()(torch.zeros(2, 1, 8, 8), NO_ROWS)),
    "a mock for predictors": ("predictors", lambda: archcast.evaluate(unittest.mock.MagicMock(), _table_of_one_cell())),
    "a file in no folder": ("kept", lambda: _chosen(kept=Path("nowhere", "file"))),
    "a function of two": ("progress", lambda: _judged(lambda done, total: None)),
    "a class of none": ("progress", lambda: _judged(Rude)),
    "a function of one": ("tell", lambda: _chosen(tell=lambda done: None)),
    "a size within a task": (r"size\['a'\]", lambda: archcast.Task((3, 8, 8), size={"a": {"b": 1}})),
    "a mirror that does not answer": (
        "mirror",
        lambda: fetching.fetch("nds", tempfile.mkdtemp(), mirror="http://127.0.0.1:1/files"),
    ),
}


@pytest.mark.parametrize("what", OF_AN_ATTACK)
def test_what_an_attack_found(what: str) -> None:
    name, call = OF_AN_ATTACK[what]
    with pytest.raises(ArchcastError, match=name) as caught:
        call()
    one_clear_line(caught.value, "")


def test_callbacks_may_take_more_than_they_must() -> None:
    for call in (print, lambda *told: None, lambda done, total=0: None, partial(print, end=""), str, len):
        callback("progress", call)
    with pytest.raises(InvalidInputError, match=r"with 2 arguments, and <.* cannot: too many positional arguments"):
        callback("progress", lambda done: None, 2)


def test_messages_are_one_line_of_bounded_length() -> None:
    error = InvalidInputError("begins\n" + "x" * 10_000 + " what to do.")
    one_clear_line(error, "begins x", "what to do.")
    one_clear_line(archcast.errors.DataNotFoundError("no\nfile"), "no file")
    assert short(Rude()).startswith("<Rude instance")
    assert len(short("x" * 10**6)) <= 60
    assert "type int" in short(10**5000) or len(short(10**5000)) <= 60


def npz(path: Path, **arrays: Any) -> bytes:
    np.savez_compressed(path, **arrays)
    return path.read_bytes()


def test_a_small_file_that_would_unpack_to_much_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "|u1", "fortran_order": False, "shape": (2**27,)})
        for _ in range(128):
            member.write(bytes(2**20))
    with pytest.raises(InvalidFileError, match="would unpack to"):
        read_arrays(path)


def test_a_header_that_declares_more_than_there_is(tmp_path: Path) -> None:
    path, member = tmp_path / "liar.npz", io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member.getvalue())
    with pytest.raises(InvalidFileError, match="would unpack to"):
        read_arrays(path)


def test_truncated_and_flipped_files_are_refused_or_read_alike(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "a.npz"
    whole = npz(path, a=rng.normal(size=50), b=np.arange(7))
    for _ in range(200):
        data = bytearray(whole)
        if rng.random() < 0.3:
            data = data[: rng.integers(len(data))]
        else:
            data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(data))
        try:
            read_arrays(path)
        except ArchcastError as error:
            one_clear_line(error, "a.npz")


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    data = bytearray(npz(path, a=np.arange(3)))
    flag = struct.pack("<H", struct.unpack("<H", data[6:8])[0] | 1)
    data[6:8] = flag
    central = data.index(b"PK\x01\x02")
    data[central + 8 : central + 10] = flag
    path.write_bytes(bytes(data))
    with pytest.raises(InvalidFileError, match=r"a\.npz"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("score nasbench201:x --jobs 0", ["--jobs", "0"]),
        ("train --sample 1 --seed -1", ["--seed", "-1"]),
        (f"train --sample 1 --width {10**30}", ["--width", "at most"]),
        (f"train --sample 1 --depth {'9' * 5000}", ["--depth"]),
        ("search --stages 1000", ["--stages", "at most 16"]),
        ("score nasbench201:x --out=", ["--out", "empty"]),
        ("score nasbench201:x --out EMPTY", ["--out", "empty"]),
        ("score nasbench201:x --out .", ["--out"]),
        ("leaderboard --trials 0", ["--trials", "0"]),
        (f"leaderboard --train-sizes {'9' * 5000}", ["--train-sizes"]),
        ("search --objective train --space nasbench201 --objectives a,b", ["--objectives", "'a'"]),
    ],
)
def test_options_out_of_range(line: str, parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([word.replace("EMPTY", "") for word in line.split()])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert len(error) < LONGEST + 10
    for part in parts:
        assert part in error


@pytest.mark.parametrize("reader", ["columns", "log", "scores"])
def test_deep_json_is_refused(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000 + "]" * 100_000)
    benchmark = archcast.Benchmark("b", SPACE, ARCHS, {"m": SCORES}, "m")
    calls = {
        "columns": lambda: read_columns(path),
        "log": lambda: runs_of_json(path.read_text(), None),
        "scores": lambda: read_evidence(path, benchmark),
    }
    with pytest.raises(InvalidFileError, match="JSON") as caught:
        calls[reader]()
    one_clear_line(caught.value)


@pytest.mark.parametrize("text", ["1_000", "１", "٣", "0x10", "1e999", "inf"])
def test_numbers_of_tables_are_those_that_a_person_writes(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [
        f'"{arch}",{score}' for arch, score in zip(SPACE.format(ARCHS), ["1", text, "2", "3", "4", "5"], strict=True)
    ]
    path.write_text("\n".join(["arch,score", *rows]), encoding="utf-8")
    with pytest.raises(InvalidFileError, match="line 3: score"):
        read_table(path, SPACE)


def test_scores_that_no_float_can_square_are_refused() -> None:
    for call in (
        lambda scores: archcast.get_predictor("random-forest", space=SPACE).init(ARCHS, scores),
        lambda scores: Source(SPACE, ARCHS, scores),
    ):
        with pytest.raises(InvalidInputError, match=r"scores\[2\] is 1e\+308"):
            call([0.0, 1.0, 1e308, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("values", [["1"] * 6, [1j] * 6, [[1], [2, 3]], Rude(), [10**400, 1], "0.5"], ids=range(6))
def test_curves_are_numbers(values: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        archcast.forecast({"a": values}, epochs=10)
    one_clear_line(caught.value, "curve")
    with pytest.raises(InvalidInputError, match="best"):
        archcast.forecast([[0.1, 0.2, 0.3]], epochs=10, best=values)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_devices_and_pipes_are_neither_replaced_nor_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.npz"
    os.mkfifo(pipe)
    with pytest.raises(InvalidInputError, match=r"pipe\.npz' is a device, pipe or socket"):
        archcast.get_predictor("bayesian-linear", SPACE).init(ARCHS, SCORES).save(pipe)
    with pytest.raises(InvalidInputError, match=r"out .*is a device, pipe or socket"), claimed(pipe, file=True):
        pass
    with pytest.raises(InvalidFileError, match="it is a folder, device, pipe or socket"):
        read_arrays(pipe)
    assert not pipe.is_file(), "it is still a pipe"


@pytest.mark.parametrize("label", ["", " ", "a\nb", "a\0", "\udc80", "x" * 1000, 1, None], ids=repr)
def test_labels_are_texts_that_can_be_shown(label: Any) -> None:
    table = archcast.Benchmark("b", SPACE, ARCHS, {"m": SCORES}, "m")
    for call in (
        lambda: archcast.evaluate({label: "bayesian-linear"}, table),
        lambda: archcast.run_search({label: "random"}, table, budget=2, batch=2),
    ):
        with pytest.raises(InvalidInputError, match=r"^a label of (predictors|strategies) must be") as caught:
            call()
        one_clear_line(caught.value)


@pytest.mark.parametrize("path", ["../../x", "..", "a..b", "boom.Thing", "leaves.Thing", "math.nothing"])
def test_what_cannot_be_imported(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "boom.py").write_text("raise LookupError('no\\nluck')")
    (tmp_path / "leaves.py").write_text("import sys; sys.exit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    table = archcast.Benchmark("b", SPACE, ARCHS, {"m": SCORES}, "m")
    with pytest.raises(InvalidInputError, match="predictor") as caught:
        archcast.evaluate(path, table)
    one_clear_line(caught.value)


def test_an_objective_that_leaves_is_a_failed_evaluation() -> None:
    found = FunctionObjective(lambda arch: sys.exit(3), SPACE).evaluate(ARCHS[0])
    assert found.failure == "SystemExit: 3"


class Pretends:
    """Says that it is a mapping, and is none."""

    __class__ = dict  # type: ignore[assignment]


def test_what_only_says_that_it_is_a_mapping() -> None:
    for name, call in {
        "evidence.proxies": lambda: archcast.Evidence(proxies=Pretends()),
        "curves": lambda: archcast.forecast(Pretends(), epochs=10),
    }.items():
        with pytest.raises(InvalidInputError, match=name) as caught:
            call()
        one_clear_line(caught.value)


def test_numbers_of_other_machines() -> None:
    swapped = np.arange(6, dtype=">f8"), np.arange(6, dtype="<f8")
    for array in swapped:
        assert array_of("x", array).dtype.isnative
        np.testing.assert_array_equal(numbers("x", array), np.arange(6.0))

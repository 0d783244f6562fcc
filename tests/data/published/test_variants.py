"""The same content in another dress: numpy's numbers for Python's, other containers and protocols, compression, archives, names.

Files of the same benchmark were written by several people with several versions; what is read must not depend on it.
"""

from __future__ import annotations

import bz2
import io
import lzma
import pickle
import shutil
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archcast
from tests.data.published.test_bench import WRITERS

Change = Callable[[Any], Any]


def _each(value: Any, leaf: Change, box: Change) -> Any:
    """A copy in which ``leaf`` was applied to numbers and texts, ``box`` to dictionaries and lists, keys of several parts too."""
    if isinstance(value, dict):
        return box({_each(key, leaf, box): _each(part, leaf, box) for key, part in value.items()})
    if isinstance(value, list):
        return box([_each(part, leaf, box) for part in value])
    if isinstance(value, tuple):
        return tuple(_each(part, leaf, box) for part in value)
    return leaf(value)


def _numpy(value: Any) -> Any:
    return {float: np.float64, int: np.int64}.get(type(value), lambda same: same)(value)


def _defaults(value: Any) -> Any:
    return defaultdict(dict, value) if isinstance(value, dict) else value


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return OrderedDict(value)
    return np.array(value) if value and all(type(part) is float for part in value) else value


DRESSES: dict[str, tuple[int, Change, Change]] = {
    "numpy": (4, _numpy, lambda box: box),
    "defaultdict": (5, lambda leaf: leaf, _defaults),
    "arrays": (2, lambda leaf: leaf, _arrays),
}
"""Protocol, and what numbers and containers become."""


def _dress(folder: Path, protocol: int, leaf: Change, box: Change) -> None:
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        data, packed = file.read_bytes(), file.name.endswith(".pbz2")
        data = bz2.decompress(data) if packed else data
        if data[:1] != b"\x80":
            continue
        stream, out = io.BytesIO(data), b""
        while stream.tell() < len(data):  # some files are two pickles
            out += pickle.dumps(_each(pickle.load(stream), leaf, box), protocol)
        file.write_bytes(bz2.compress(out) if packed else out)


def _compress(folder: Path) -> Path:
    for file in [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pbz2"]:
        file.with_name(f"{file.name}.xz").write_bytes(lzma.compress(file.read_bytes()))
        file.unlink()
    return folder


def _archive(folder: Path) -> Path:
    """A folder with nothing but an archive of no particular name."""
    with zipfile.ZipFile(folder.parent / "download (1).zip", "w") as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(folder))
    shutil.rmtree(folder)
    folder.mkdir()
    (folder.parent / "download (1).zip").rename(folder / "download (1).zip")
    return folder


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_read_does_not_depend_on_it(tmp_path, name) -> None:
    space_name, write = WRITERS[name]
    space = archcast.get_space(space_name)
    archs = space.sample(20, 0)
    archs = archs[np.sort(np.unique(space.canonical(archs), axis=0, return_index=True)[1])][:4]
    (tmp_path / "plain").mkdir()
    write(tmp_path / "plain", archs, np.linspace(0.3, 0.9, len(archs)))
    whole = archcast.load_benchmark(name, tmp_path / "plain")
    for label in (*DRESSES, "xz", "zip"):
        folder = tmp_path / label / "files"
        shutil.copytree(tmp_path / "plain", folder)
        if label in DRESSES:
            _dress(folder, *DRESSES[label])
        else:
            folder = {"xz": _compress, "zip": _archive}[label](folder)
        made = archcast.load_benchmark(name, folder)
        np.testing.assert_array_equal(made.archs, whole.archs)
        for kind in ("metrics", "curves", "costs"):
            columns = getattr(whole, kind)
            assert set(getattr(made, kind)) == set(columns)
            for column, values in columns.items():
                np.testing.assert_allclose(getattr(made, kind)[column], values, rtol=1e-6, err_msg=f"{label}: {column}")

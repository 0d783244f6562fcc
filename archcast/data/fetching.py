"""Download published files from their official addresses: only when asked to, with resume and checksum."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from archcast.checks import callback, label_of
from archcast.data.base import BENCHMARKS
from archcast.data.verification import SHA256, checksum
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError, UnknownNameError, short
from archcast.files import folder_of, ordinary
from archcast.registry import closest

__all__ = ["ADDRESSES", "download", "fetch"]

ADDRESSES = {
    "nasbench101": ("https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",),
    "nasbench101-full": ("https://storage.googleapis.com/nasbench/nasbench_full.tfrecord",),
    "nds": ("https://dl.fbaipublicfiles.com/nds/data.zip",),
    "hw-nas-bench": ("https://raw.githubusercontent.com/GATECH-EIC/HW-NAS-Bench/HEAD/HW-NAS-Bench-v1_0.pickle",),
    "ofa-mobilenetv3": (
        "https://raw.githubusercontent.com/IntelLabs/DyNAS-T/HEAD/notebooks/data/mbnv3w10_evoga_acc.csv",
        "https://raw.githubusercontent.com/IntelLabs/DyNAS-T/HEAD/notebooks/data/mbnv3w10_evonsga2_acc_macs.csv",
    ),
    "vit-bench-101": tuple(
        f"https://raw.githubusercontent.com/lliai/Auto-Prox-AAAI24/HEAD/gt_results/{name}.pth"
        for name in ("gt_autoformer", "gt_autoformer_2", "gt_pit")
    ),
}
"""Benchmark -> direct addresses of its files. The others are behind pages that ask a person (Google Drive, figshare)."""

BLOCK = 1 << 20
WEB = ("http://", "https://")


def fetch(
    name: str, folder: str | Path, *, mirror: str | None = None, report: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Download the files of a benchmark.

    Args:
        name: of the benchmark, without a task; ``nasbench101-full`` for the larger file.
        folder: where to put the files.
        mirror: address of another server that has the files by their names.
        report: told of progress, (done, total) bytes of a file; total is 0 where it is not known.

    Raises:
        InvalidInputError: ``folder`` cannot be one, or ``mirror`` is no address.
        UnknownNameError: no such benchmark.
        DataNotFoundError: its files have no direct address (the message says where they are), or the server does not
            answer.
        InvalidFileError: the checksum is wrong; the file is removed.
    """
    name = label_of("name", name)
    if mirror is not None:
        mirror = label_of("mirror", mirror)
        if not mirror.startswith(WEB):
            raise InvalidInputError(f"mirror {short(mirror)} is not an address that begins with http:// or https://.")
    callback("report", report, 2)
    if name not in ADDRESSES:
        if name not in BENCHMARKS:
            raise UnknownNameError(f"Unknown benchmark {name!r}. {closest(name, [*ADDRESSES, *BENCHMARKS])}")
        info = BENCHMARKS.entry(name).info
        raise DataNotFoundError(
            f"The files of {name!r} have no address that can be fetched. {info.get('paper', '')} says where they are; "
            f"wanted are {info.get('files', 'its files')}."
        )
    folder = folder_of("folder", folder)
    files = []
    for address in ADDRESSES[name]:
        file = folder / address.rsplit("/", 1)[1]
        source = address if mirror is None else f"{mirror.rstrip('/')}/{file.name}"
        files.append(download(source, file, sha256=SHA256.get(file.name), report=report))
    return files


def download(
    address: str, file: Path, *, sha256: str | None = None, report: Callable[[int, int], None] | None = None
) -> Path:
    """Download one file: into ``<file>.part`` first, where an interrupted download goes on.

    Raises:
        InvalidInputError: not an address of the web.
        DataNotFoundError: the server does not answer or has no such file.
        InvalidFileError: the checksum is wrong.
    """
    if not address.startswith(WEB):
        raise InvalidInputError(f"{short(address)} is not an address that begins with http:// or https://.")
    ordinary("file", file)
    if file.is_file() and (sha256 is None or checksum(file) == sha256):
        return file
    part = file.with_name(f"{file.name}.part")
    have = part.stat().st_size if part.is_file() else 0
    try:
        _ = urllib.parse.urlsplit(address).port  # raises where it is no number, or too large
        request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
        with urllib.request.urlopen(request, timeout=60) as answer:
            resumed = answer.status == 206
            have = have if resumed else 0
            total = have + int(answer.headers.get("Content-Length") or 0)
            with part.open("ab" if resumed else "wb") as out:
                while block := answer.read(BLOCK):
                    out.write(block)
                    have += len(block)
                    if report is not None:
                        report(have, total)
        if total and have < total:
            raise DataNotFoundError(
                f"{address} ended after {have:,} of {total:,} bytes. Run the command again to go on."
            )
    except (ValueError, http.client.InvalidURL) as error:  # a host or path in other letters, a port that is no number
        raise InvalidInputError(f"{short(address)} is no address that can be asked: {error}.") from error
    except urllib.error.HTTPError as error:
        if error.code != 416:  # the part is whole already
            raise DataNotFoundError(f"{address} could not be downloaded: {error.code} {error.reason}.") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise DataNotFoundError(
            f"{address} could not be downloaded: {error}. Run the command again to go on, or name a mirror."
        ) from error
    if sha256 is not None and (found := checksum(part)) != sha256:
        part.unlink()
        raise InvalidFileError(f"{address} has SHA-256 {found}, published is {sha256}. The download was removed.")
    os.replace(part, file)
    return file

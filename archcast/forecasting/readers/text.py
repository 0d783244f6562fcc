"""Text of a log, whatever wrote it: byte order marks, UTF-16 of Windows shells, lines that are still being written."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

from archcast.errors import InvalidFileError

__all__ = ["read_text"]

MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
LARGEST = 512 * 2**20


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        InvalidFileError: it is empty, too large, or no text.
    """
    if path.stat().st_size > LARGEST:
        raise InvalidFileError(f"{path} is larger than {LARGEST // 2**20} MiB: too large for a log of epochs.")
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(LARGEST)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidFileError(f"{path} is a damaged gzip file: {error}.") from error
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InvalidFileError(
            f"{path} is not text: expected CSV, TSV, JSON lines, or TensorBoard events (*tfevents*)."
        )
    if not text.strip():
        raise InvalidFileError(f"{path} is empty: nothing has been logged yet.")
    return text.replace("\r\n", "\n").replace("\r", "\n")

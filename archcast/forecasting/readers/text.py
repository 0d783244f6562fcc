"""Text of a log, whatever wrote it: byte order marks, UTF-16 of Windows shells, notebooks, lines that are still being written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from archcast.errors import InvalidFileError
from archcast.files import text_of

__all__ = ["read_text"]

LARGEST = 512 * 2**20
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-B]")
"""What terminals take for colours, moves of the cursor and titles."""


def read_text(path: Path) -> str:
    """The text of a file, or what the cells of a notebook printed; without colours of terminals.

    Raises:
        InvalidFileError: it is empty, too large, or no text.
    """
    if path.stat().st_size > LARGEST:
        raise InvalidFileError(f"{path} is larger than {LARGEST // 2**20} MiB: too large for a log of epochs.")
    text = CONTROL.sub("", text_of(path.read_bytes(), path))
    if '"nbformat"' in text and text.lstrip().startswith("{"):
        text = _printed(text)
    if not text.strip():
        raise InvalidFileError(f"{path} is empty: nothing has been logged yet.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _printed(text: str) -> str:
    """What the cells of a notebook printed; the text itself, if it is none."""
    try:
        cells = json.loads(text)["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        return "\n".join(_joined(output["text"]) for output in outputs if "text" in output)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text


def _joined(lines: Any) -> str:
    return lines if isinstance(lines, str) else "".join(map(str, lines))

"""Files written whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: str | Path, data: str | bytes) -> None:
    """Write ``data`` beside ``path``, then put it in its place: whoever reads sees the old file or the new one.

    Args:
        path: the file; its folder exists.
        data: bytes, or text that is written as UTF-8.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(data.encode() if isinstance(data, str) else data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)

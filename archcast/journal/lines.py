"""A file that grows by whole lines. A process that is killed leaves at most one torn line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from archcast.errors import InvalidFileError
from archcast.files import write_whole

__all__ = ["Journal"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Journal:
    """A text file that grows by whole lines.

    Args:
        path: the file; it need not be there.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     journal = Journal(Path(folder) / "runs.jsonl")
        ...     journal.add({"arch": 1})
        ...     with journal.path.open("a") as file:
        ...         _ = file.write('{"arch": 2, "sco')                # the process is killed
        ...     journal.add({"arch": 3})
        ...     journal.records()
        [{'arch': 1}, {'arch': 3}]
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def text(self) -> str:
        """All whole lines, without a byte order mark; empty if there is no file. A torn last line is cut off the file.

        Raises:
            InvalidFileError: the file is not UTF-8 text.
        """
        if not self.path.exists():
            return ""
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            write_whole(self.path, whole)
        try:
            return whole.removeprefix(BYTE_ORDER_MARK).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.damaged(f"byte {error.start} is no UTF-8 text") from error

    def records(self) -> list[Any]:
        """What the lines hold as JSON.

        Raises:
            InvalidFileError: a line is not JSON.
        """
        found = []
        for number, line in enumerate(self.text().split("\n")[:-1], start=1):
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise self.damaged(f"line {number} is not JSON ({' '.join(str(error).split())})") from error
        return found

    def append(self, lines: str) -> None:
        """Add whole lines, each ended by a line feed, and hand them to the system at once."""
        if self._torn():
            self.text()
        with self.path.open("ab") as file:
            file.write(lines.encode())

    def _torn(self) -> bool:
        """Whether the file ends within a line."""
        try:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read() != b"\n"
        except OSError:  # there is no file, or nothing in it
            return False

    def add(self, record: Any) -> None:
        """Add one line of JSON."""
        self.append(json.dumps(record, ensure_ascii=False) + "\n")

    def rewrite(self, lines: str) -> None:
        """Put other whole lines in the place of all."""
        write_whole(self.path, lines)

    def damaged(self, why: str) -> InvalidFileError:
        """The error for a file that cannot be continued."""
        return InvalidFileError(f"{str(self.path)!r} cannot be continued: {why}. Choose another place for the results.")

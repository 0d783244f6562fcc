"""Scores for the screen and for files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from archcast.cli._scoring import Outcome
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.files import write_whole
from archcast.journal import Journal

__all__ = ["ScoreFile", "as_csv", "as_json", "failures", "ranked", "show"]


def show(outcomes: Sequence[Outcome], proxies: Sequence[str], column: str) -> None:
    """Print one target as a list of proxies, several as a table that fits the terminal."""
    from rich.console import Console
    from rich.text import Text

    from archcast.cli._grid import Grid

    console = Console(highlight=False)

    if len(outcomes) == 1:
        only = Grid()
        only.add_column("proxy", no_wrap=True)
        only.add_column("score", justify="right", no_wrap=True)
        only.add_column("", style="dim")
        for name in proxies:
            only.add_row(name, _text(outcomes[0], name), outcomes[0].failures.get(name, ""))
        console.print(Text(outcomes[0].name, style="bold"))
        console.print(only)
        return
    names = max(len(outcome.name) for outcome in outcomes)
    widths = {name: max(len(name), *(len(_text(outcome, name)) for outcome in outcomes)) for name in proxies}
    room = max(console.width - min(names, 40) - 2, 20)
    for part in _parts(proxies, widths, room):
        several = Grid()
        several.add_column(column, overflow="ellipsis", no_wrap=True, max_width=40 if names > 40 else names)
        for name in part:
            several.add_column(name, justify="right", no_wrap=True)
        for outcome in outcomes:
            several.add_row(outcome.name, *(_text(outcome, name) for name in part))
        console.print(several)


def _parts(proxies: Sequence[str], widths: dict[str, int], room: int) -> list[list[str]]:
    """Proxies that fit side by side."""
    parts: list[list[str]] = [[]]
    used = 0
    for name in proxies:
        if parts[-1] and used + widths[name] + 2 > room:
            parts.append([])
            used = 0
        parts[-1].append(name)
        used += widths[name] + 2
    return parts


def _text(outcome: Outcome, proxy: str) -> str:
    value = outcome.scores.get(proxy)
    if value is None:
        return "failed" if proxy in outcome.failures else "-"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e12 else f"{value:.5g}"


def failures(outcomes: Iterable[Outcome]) -> list[str]:
    """One line for each proxy and reason, with how many targets it happened to."""
    counts: Counter[tuple[str, str]] = Counter()
    total = 0
    for outcome in outcomes:
        total += 1
        counts.update(outcome.failures.items())
    return [f"{proxy} failed for {count} of {total}: {reason}" for (proxy, reason), count in counts.items()]


def as_json(outcomes: Sequence[Outcome], column: str) -> str:
    """A list of objects, indented."""
    return json.dumps([_record(outcome, column) for outcome in outcomes], indent=2, ensure_ascii=False)


def as_csv(outcomes: Sequence[Outcome], proxies: Sequence[str], column: str) -> str:
    """A header and a line for each target; a score that failed is an empty field."""
    return _line([column, *proxies]) + "".join(_line(_fields(outcome, proxies)) for outcome in outcomes)


def _record(outcome: Outcome, column: str) -> dict[str, Any]:
    record: dict[str, Any] = {column: outcome.name, "scores": outcome.scores}
    return record | {"failures": outcome.failures, "seconds": round(outcome.seconds, 3)}


def _fields(outcome: Outcome, proxies: Sequence[str]) -> list[str]:
    return [outcome.name, *(repr(outcome.scores[name]) if name in outcome.scores else "" for name in proxies)]


def _line(fields: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


class ScoreFile:
    """A file that outcomes are appended to as they come, and that the same command continues.

    CSV (what ``archcast bench --evidence`` reads) or JSON lines. How its scores were made is kept beside it, in
    ``NAME.settings.json``, so that scores made in another way are not mixed with them.

    Args:
        path: the file; made if it is not there.
        proxies: its columns.
        column: name of the first one.
        settings: whatever changes a score.
        lines: JSON lines instead of CSV.

    Raises:
        InvalidInputError: the file holds scores made with other settings.
        InvalidFileError: it holds something else.
    """

    def __init__(
        self, path: Path, proxies: Sequence[str], column: str, settings: dict[str, Any], *, lines: bool
    ) -> None:
        self.path, self.proxies, self.column, self.lines = path, list(proxies), column, lines
        self.done: set[str] = set()
        self._journal = Journal(path)
        beside = path.with_name(path.name + ".settings.json")
        settings = json.loads(json.dumps({"proxies": self.proxies, **settings}))
        if path.exists() and path.stat().st_size:
            before = self._settings_of(beside)
            differ = [f"{key} was {before.get(key)}" for key in settings if before.get(key) != settings[key]]
            if differ:
                raise InvalidInputError(
                    f"--out {str(path)!r} holds scores made with other settings ({'; '.join(differ)}). Choose another file."
                )
            self._read()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(beside, json.dumps(settings, indent=2) + "\n")
            self._journal.rewrite("" if lines else _line([column, *self.proxies]))

    def append(self, outcomes: Iterable[Outcome]) -> None:
        """Write outcomes at once."""
        texts = []
        for outcome in outcomes:
            record = _record(outcome, self.column)
            texts.append(
                json.dumps(record, ensure_ascii=False) + "\n" if self.lines else _line(_fields(outcome, self.proxies))
            )
            self.done.add(outcome.name)
        self._journal.append("".join(texts))

    def _settings_of(self, beside: Path) -> dict[str, Any]:
        try:
            found = json.loads(beside.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidFileError(
                f"--out {str(self.path)!r} exists, but {beside.name!r}, which says how its scores were made, cannot be read. "
                "Choose another file."
            ) from error
        return dict(found)

    def _read(self) -> None:
        """Names that are there already."""
        try:
            if self.lines:
                self.done = {record[self.column] for record in self._journal.records()}
                return
            rows = list(csv.reader(io.StringIO(self._journal.text(), newline=""), strict=True))
        except (KeyError, TypeError, csv.Error) as error:
            raise self._journal.damaged(f"it does not hold scores ({error})") from error
        if rows and rows[0] != [self.column, *self.proxies]:
            raise InvalidFileError(f"--out {str(self.path)!r} does not begin with the columns of this command.")
        if not rows:
            self._journal.append(_line([self.column, *self.proxies]))
        self.done = {row[0] for row in rows[1:] if row}


def ranked(outcomes: list[Outcome], proxy: str | None) -> list[Outcome]:
    """Best first by one proxy; failed ones last."""
    if proxy is None:
        return outcomes
    return sorted(outcomes, key=lambda outcome: outcome.scores.get(proxy, -math.inf), reverse=True)

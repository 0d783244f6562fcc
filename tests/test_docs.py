"""The pages run: every Python block of README.md and docs/, and every archcast command in them is one that exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of one language in a page."""
    return [code for kind, code in BLOCK.findall(page.read_text()) if kind == language]


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    """One fresh process a page: what a page registers stays there."""
    script = tmp_path / f"{page.stem}.py"
    script.write_text("\n".join(blocks(page, "python")))
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_exist(page: Path) -> None:
    from archcast.cli import app

    for code in blocks(page, "bash"):
        for line in code.replace("\\\n", " ").replace("&&", "\n").splitlines():
            words = shlex.split(line, comments=True)
            if not words or Path(words[0]).name != "archcast":
                continue
            words = words[1:]
            shown = CliRunner().invoke(app, [words[0], "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
            assert shown.exit_code == 0, f"{page.name}: {line}"
            for option in (w.split("=")[0] for w in words if w.startswith("--")):
                assert option in shown.output, f"{page.name}: {line} uses {option}, which the command does not have"


def test_pages_are_linked() -> None:
    index = (ROOT / "docs" / "index.md").read_text().splitlines()
    for page in PAGES[1:]:
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        assert name in {"index", *index}, f"docs/index.md does not list {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links {target}"

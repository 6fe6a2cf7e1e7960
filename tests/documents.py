"""Reads the project's documents and template as the tests of both need them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]

_HEADING = re.compile(r"^(#+) (.+?)\s*$")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def documents() -> list[Path]:
    """All Markdown documents of the repository."""
    return [path for path in tracked() if path.suffix == ".md"]


def tracked(*folders: str) -> list[Path]:
    """The repository's files, or those in some of its folders; files that are new and not ignored count."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *folders]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in sorted(filter(None, names)) if (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """A file's text; empty where it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def prose(markdown: str) -> list[tuple[int, str]]:
    """The lines outside code blocks, with their numbers."""
    lines, inside = [], False
    for number, line in enumerate(markdown.splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            lines.append((number, line))
    return lines


def code(markdown: str) -> str:
    """What stands in code blocks and code spans."""
    outside = {number for number, _ in prose(markdown)}
    blocks = [line for number, line in enumerate(markdown.splitlines(), 1) if number not in outside]
    spans = [span for _, line in prose(markdown) for span in re.findall(r"`([^`]+)`", line)]
    return "\n".join(blocks + spans)


def links(markdown: str) -> list[str]:
    """The targets of all links."""
    return [target for _, line in prose(markdown) for target in _LINK.findall(line)]


def without_links(markdown: str) -> str:
    """A document without its links, whose words need not be where they lead."""
    return re.sub(r"\[[^\]]*\]\([^)\s]+\)", "", markdown)


def anchors(markdown: str) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    headings = [found[2] for _, line in prose(markdown) if (found := _HEADING.match(line))]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(markdown: str, heading: str) -> str:
    """A part of a document: from a heading of the second level to the next one."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", markdown, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section '## {heading}'"
    return found[1]


def rows(markdown: str) -> dict[str, list[str]]:
    """The rows of all tables whose first cell is a name in backticks, by that name; the other cells as they stand."""
    found = re.findall(r"^\| `([^`|]+)` \|(.*)\|$", markdown, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in found}


def template() -> dict[str, Any]:
    """template.yaml; what CloudFormation's own tags stand for is left out."""

    class Loader(yaml.SafeLoader):
        """Knows no tag."""

    Loader.add_multi_constructor("!", lambda *_: None)
    found: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)
    return found

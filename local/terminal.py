"""Texts that others wrote, as a terminal may show them."""

from __future__ import annotations


def printable(text: str) -> str:
    """A text without what would steer a terminal but its line breaks."""
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)


def on_one_line(text: str) -> str:
    """The same without line breaks."""
    return printable(text).replace("\n", "�")

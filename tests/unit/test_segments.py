from __future__ import annotations

import pytest

from bridge.segments import GSM_BASIC, GSM_EXTENSION, segments


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 1_224, 8),
        ("a" * 1_225, 9),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 158 + "€", 1),
        ("a" * 159 + "€", 2),
        ("a" * 152 + "€" + "a" * 10, 2),
        ("a" * 152 + "€" + "a" * 151 + "b", 3),  # the pair moves to the second part
        ("अ" * 70, 1),
        ("अ" * 71, 2),
        ("अ" * 134, 2),
        ("अ" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),  # 33 pairs a part: the 67th unit stays free
        ("😀" * 67, 3),
        ("`", 1),  # no GSM character
        ("`" * 71, 2),
    ],
)
def test_how_many_parts_a_text_has(text: str, parts: int):
    assert segments(text) == parts


def test_the_alphabet_has_the_127_characters_of_the_standard_and_10_escaped_ones():
    assert len(GSM_BASIC) == 127  # 128 with the escape itself
    assert len(GSM_EXTENSION) == 10
    assert not GSM_BASIC & GSM_EXTENSION

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def model(text: str) -> int:
    """The slow way: lay the units into parts one character after the other."""
    units = gsm_units(text) or [len(character.encode("utf-16-le", "surrogatepass")) // 2 for character in text]
    single, part = (160, 153) if gsm_units(text) else (70, 67)
    if sum(units) <= single:
        return 1 if text else 0
    parts: list[int] = [0]
    for unit in units:
        if parts[-1] + unit > part:
            parts.append(0)
        parts[-1] += unit
        assert parts[-1] <= part
    return len(parts)


def gsm_units(text: str) -> list[int]:
    basic = (
        "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
        "¿abcdefghijklmnopqrstuvwxyzäöñüà"
    )
    extension = "\f^{}\\[~]|€"
    units = [1 if character in basic else 2 if character in extension else 0 for character in text]
    return units if all(units) else []


gsm = st.text(st.sampled_from(sorted(GSM_BASIC | GSM_EXTENSION)), max_size=400)
unicode = st.text(st.sampled_from("aé€अ😀\u200d漢"), max_size=300)


@given(gsm | unicode | st.text(max_size=200))
def test_the_parts_are_those_of_a_slow_model(text: str):
    assert segments(text) == model(text)


@given(st.integers(0, 500), st.sampled_from("€😀"), st.sampled_from("aअ"))
def test_a_pair_near_a_seam_is_never_split(before: int, pair: str, filler: str):
    text = filler * before + pair + filler * 70

    assert segments(text) == model(text)
    assert segments(text + filler) >= segments(text)

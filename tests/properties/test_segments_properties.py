"""The parts of a text, compared with a slow model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.segments import GSM_BASIC, GSM_EXTENSION, segments


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

"""Receipts of 68 vendors, written from their public pages by somebody who had seen neither the code nor its tables
(`shapes/blind.jsonl`, each with its source): each is read rightly, or kept as it came. None is misread.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge.kept import ReceiptCall
from bridge.message_central.receipts import Receipt, TextBack, read_receipts
from bridge.phone import read_number

if TYPE_CHECKING:
    from tests.unit.receipt_harness import ReceiptHarness

SHAPES: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "shapes/blind.jsonl").read_text().splitlines()
]
HARMLESS = ("unclear", "intermediate")
"""What nobody can be sure of may be taken for news that ends nothing."""


def name(shape: dict[str, Any]) -> str:
    return f"{shape['vendor']}, {shape['case']}"


def post(harness: ReceiptHarness, shape: dict[str, Any]) -> int:
    """How many of a call's parts are kept."""
    status, answer = harness.post(
        shape.get("body", ""),
        query=shape.get("query", ""),
        method=shape["method"],
        content_type=shape.get("content_type", ""),
    )
    assert status == 200
    return int(answer["kept"])


def meaning(part: Receipt | TextBack) -> str:
    if isinstance(part, TextBack):
        return "reply"
    return part.delivery.status.value if part.delivery else "intermediate"


def test_there_are_enough_of_them_to_say_something():
    assert len(SHAPES) > 200
    assert len({shape["vendor"] for shape in SHAPES}) > 60


@pytest.mark.parametrize("shape", SHAPES, ids=name)
def test_a_receipt_is_read_rightly_or_kept_as_it_came(harness: ReceiptHarness, shape: dict[str, Any]):
    if post(harness, shape):
        kept = ReceiptCall.decode(json.loads(harness.kept[0].body))
        assert (kept.body.decode(), kept.query) == (shape.get("body", ""), shape.get("query", ""))
        return

    [part] = read_receipts(shape.get("body", "").encode(), shape.get("query", ""))
    assert meaning(part) in {shape["means"], *shape.get("also_ok", ())} or (shape["means"], meaning(part)) == HARMLESS
    if isinstance(part, Receipt):
        assert part.verification_id == shape["id"]
        read = read_number(part.number, "IN")
        assert read
        assert read.e164 == f"+{shape['recipient']}"

"""Receipts of other vendors, as their public pages show them (`shapes/receipts.yaml`): Message Central's format is not
known, and may be any of these. Each is either read rightly, or kept and read rightly once the tables are mended. None
is lost, and none is misread.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import receive
from bridge.message import Failure, Status
from bridge.message_central import receipts
from bridge.message_central.receipts import DeliveryStatus, Receipt, TextBack
from tests.fakes.values import number, text
from tests.unit.receipt_harness import ReceiptHarness, row

SHAPES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "shapes/receipts.yaml").read_text())

# How the message stands once a shape was read rightly.
RIGHT = {
    "delivered": "delivered",
    "undelivered": "undelivered",
    "on its way": "sent",
    "reply": "sent",
    "nothing": "sent",
}
WORDS = {
    "delivered": DeliveryStatus(Status.DELIVERED, None, "Delivered"),
    "undelivered": DeliveryStatus(Status.UNDELIVERED, Failure.UNDELIVERED, "Undelivered"),
    "on its way": None,
}


def post(harness: ReceiptHarness, shape: dict[str, Any]) -> dict[str, Any]:
    """What receive makes of a shape, whose message was sent."""
    harness.put(row(text=text()))
    code, answer = harness.post(
        shape.get("body", ""),
        query=shape.get("query", ""),
        method=shape.get("method", "POST"),
        content_type=shape.get("type", ""),
    )
    assert code == 200
    assert isinstance(answer, dict)
    return answer


def mend(monkeypatch: pytest.MonkeyPatch, shape: dict[str, Any]) -> None:
    """What a person does who has seen the shape: the tables get its names and words, or the code a reader for it."""
    lacks = shape["mend"]
    if lacks == "code":
        word = {"delivered": "DELIVRD", "undelivered": "UNDELIV"}.get(shape["means"])
        part = Receipt("v0", number(), word) if word else TextBack(number(), text())
        monkeypatch.setattr(receive, "read_receipts", lambda *_call, **_options: [part])
        return
    names = {"verification_id": "id", "number": "number", "status": "status"}
    # What the vendor is known to send comes first.
    fields = {name: (*lacks.get(short, ()), *receipts.FIELDS[name]) for name, short in names.items()}
    monkeypatch.setattr(receipts, "FIELDS", fields)
    words = {word: WORDS[meaning] for word, meaning in lacks.get("words", {}).items()}
    monkeypatch.setattr(receipts, "STATUS_WORDS", receipts.STATUS_WORDS | words)


def ids(shape: dict[str, Any]) -> str:
    return str(shape["vendor"])


def test_there_are_enough_of_them_to_say_something():
    assert len(SHAPES) >= 50
    assert len({ids(shape) for shape in SHAPES}) == len(SHAPES)
    assert {shape["means"] for shape in SHAPES} == RIGHT.keys()
    assert sum("mend" not in shape for shape in SHAPES) >= 5, "some are recognised as they are"


@pytest.mark.parametrize("shape", SHAPES, ids=ids)
def test_a_shape_is_read_rightly_or_kept_and_none_is_lost(harness: ReceiptHarness, shape: dict[str, Any]):
    answer = post(harness, shape)

    recognised = answer["kept"] == 0
    assert recognised == ("mend" not in shape and shape["means"] != "nothing"), "as the file says"
    assert len(harness.kept) == answer["kept"]
    assert harness.status() == (RIGHT[shape["means"]] if recognised else "sent")
    assert len(harness.passed_on) == (recognised and shape["means"] == "reply"), "nobody is said to have answered"
    assert "ReceiptsUnmatched" not in harness.counts


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.get("mend")], ids=ids)
def test_a_shape_that_was_kept_is_read_rightly_once_the_tables_are_mended(
    harness: ReceiptHarness, monkeypatch: pytest.MonkeyPatch, shape: dict[str, Any]
):
    post(harness, shape)
    mend(monkeypatch, shape)

    assert harness.redrive() == []

    assert harness.status() == RIGHT[shape["means"]]
    assert len(harness.passed_on) == (shape["means"] == "reply")
    assert harness.kept == []

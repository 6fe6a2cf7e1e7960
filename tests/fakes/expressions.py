"""DynamoDB's condition and update expressions, as far as the bridge writes them; what it does not know, it refuses."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.fakes.faults import client_error

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+\-\[\]]|[:#]?[A-Za-z_][A-Za-z0-9_]*|\d+)")
_COMPARE = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
LONGEST = 4_096  # bytes of an expression
Item = dict[str, dict[str, Any]]


def _reserved() -> frozenset[str]:
    """The names that DynamoDB reserves, which need a placeholder; moto has the list."""
    moto = find_spec("moto")
    assert moto
    assert moto.origin
    words = Path(moto.origin).with_name("dynamodb") / "parsing" / "reserved_keywords.txt"
    return frozenset(words.read_text().lower().split())


RESERVED = _reserved()


def invalid(why: str) -> Exception:
    """The error with which DynamoDB answers a malformed request."""
    return client_error("ValidationException", message=why)


class Expression:
    """One request's expressions over one item."""

    def __init__(self, item: Item | None, names: dict[str, str] | None, values: Item | None) -> None:
        self._item = item or {}
        self._names = names or {}
        self._values = values or {}
        if values == {} or any(
            type(plain) not in (str, bool, list) for value in self._values.values() for plain in value.values()
        ):
            raise invalid("values that are none, or of a wrong type")
        self._used: set[str] = set()
        self.changed: list[str] = []
        """The attributes that an update named."""
        self._tokens: list[str] = []

    def holds(self, text: str | None) -> bool:
        """Whether a condition is true of the item."""
        if text is None:
            return True
        self._tokens = _tokens(text)
        result = self._or()
        if self._tokens:
            raise invalid(f"cannot read on at {self._tokens[0]}")
        return result

    def updated(self, text: str) -> Item:
        """The item after an update expression of SET, ADD and REMOVE clauses."""
        item = dict(self._item)
        removed: dict[str, set[int]] = {}
        self._tokens = _tokens(text)
        while self._tokens:
            clause = self._take().upper()
            while True:
                name = self._path()
                self.changed.append(name)
                if clause == "SET":
                    self._expect("=")
                    item[name] = self._sum()
                elif clause == "ADD":
                    item[name] = _added(item.get(name, {"N": "0"}), self._operand(), 1)
                elif clause == "REMOVE" and self._accept("["):
                    removed.setdefault(name, set()).add(int(self._take()))
                    self._expect("]")
                elif clause == "REMOVE":
                    item.pop(name, None)
                else:
                    raise invalid(f"unknown clause {clause}")
                if not self._accept(","):
                    break
        for name, places in removed.items():  # counted as they were before
            item[name] = {"L": [one for place, one in enumerate(item[name]["L"]) if place not in places]}
        return item

    def _sum(self) -> Any:
        result = self._operand()
        for sign, token in ((1, "+"), (-1, "-")):
            if self._accept(token):
                result = _added(result, self._operand(), sign)
        if result is None:
            raise invalid("an attribute that the item does not have")
        return result

    def paths(self, text: str | None) -> list[str]:
        """The attributes that a projection names."""
        self._tokens = _tokens(text or "")
        names = [self._path()] if text else []
        while self._accept(","):
            names.append(self._path())
        return names

    def all_used(self) -> None:
        """Refuse what DynamoDB refuses: placeholders that no expression uses."""
        if unused := ({*self._names} | {*self._values}) - self._used:
            raise invalid(f"unused: {sorted(unused)}")

    def _or(self) -> bool:
        result = self._and()
        while self._accept("OR"):
            result = self._and() or result
        return result

    def _and(self) -> bool:
        result = self._not()
        while self._accept("AND"):
            result = self._not() and result
        return result

    def _not(self) -> bool:
        if self._accept("NOT"):
            return not self._not()
        if self._accept("("):
            result = self._or()
            self._expect(")")
            return result
        return self._comparison()

    def _comparison(self) -> bool:
        if self._tokens[0] in ("attribute_not_exists", "attribute_exists"):
            function = self._take()
            self._expect("(")
            there = self._path() in self._item
            self._expect(")")
            return there is (function == "attribute_exists")
        if self._tokens[0] == "begins_with":
            self._take()
            self._expect("(")
            left = self._operand()
            self._expect(",")
            right = self._operand()
            self._expect(")")
            return bool(left and right) and str(left["S"]).startswith(str(right["S"]))
        left = self._operand()
        operator = self._take().upper()
        if operator == "IN":
            self._expect("(")
            options = [self._operand()]
            while self._accept(","):
                options.append(self._operand())
            self._expect(")")
            return left is not None and left in options
        right = self._operand()
        if left is None or right is None or {*left} != {*right}:
            return operator == "<>"
        return bool(_COMPARE[operator](_plain(left), _plain(right)))

    def _operand(self) -> Any:
        token = self._tokens[0]
        if token == "if_not_exists":
            self._take()
            self._expect("(")
            present = self._item.get(self._path())
            self._expect(",")
            other = self._operand()
            self._expect(")")
            return present or other
        if token == "list_append":
            self._take()
            self._expect("(")
            left = self._operand()
            self._expect(",")
            right = self._operand()
            self._expect(")")
            return {"L": left["L"] + right["L"]}
        if token == "size":
            self._take()
            self._expect("(")
            measured = self._item.get(self._path())
            self._expect(")")
            return measured and {"N": str(len(measured["L"]))}
        if token.startswith(":"):
            self._take()
            self._used.add(token)
            if token not in self._values:
                raise invalid(f"no value {token}")
            return self._values[token]
        return self._item.get(self._path())

    def _path(self) -> str:
        token = self._take()
        if token.startswith("#"):
            self._used.add(token)
            if token not in self._names:
                raise invalid(f"no name {token}")
            return self._names[token]
        if token.lower() in RESERVED:
            raise invalid(f"{token} is a reserved word")
        return token

    def _take(self) -> str:
        if not self._tokens:
            raise invalid("the expression ends too soon")
        return self._tokens.pop(0)

    def _accept(self, token: str) -> bool:
        if self._tokens and self._tokens[0].upper() == token:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise invalid(f"{token} expected")


def _added(left: Any, right: Any, sign: int) -> dict[str, Any]:
    if not left or not right or {*left} != {"N"} or {*right} != {"N"}:
        raise invalid("only numbers that are there can be added")
    total = float(left["N"]) + sign * float(right["N"])
    return {"N": str(int(total)) if total.is_integer() else repr(total)}


def _plain(value: dict[str, Any]) -> Any:
    [(kind, plain)] = value.items()
    return float(plain) if kind == "N" else plain


def _tokens(text: str) -> list[str]:
    if len(text.encode()) > LONGEST:
        raise invalid("an expression of more than 4 KB")
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise invalid(f"cannot read {text[at:]}")
        tokens.append(found[1])
        at = found.end()
    return tokens

"""Which AWS API calls a function's code can make, and which variables it reads, found by reading it.

From the handler (`handlers/accept.py` …) every name that is used is followed to what has that name in the modules that
are imported on the way: a function, or a method of a class that is made. Of `App` and `Settings`, whose members are
named like much else, only those count that are asked of them. A name may stand for more than was meant, never for
less: a call may be listed that is never made, but none that is made is missing. (`getattr` with a built name would
escape.)
"""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SERVICES = ("dynamodb", "secretsmanager", "sqs")
"""Those that the functions call."""
OPERATORS_SERVICES = (*SERVICES, "cloudformation", "logs")
"""Those that the operators' command line calls; what it asks of STS needs no permission."""
# IAM knows no action for the batch.
SAME_PERMISSION = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
}
# Classes whose members count only where they are asked of an object that is called so (`self`: in the class itself).
# `App.from_environment().accept` is asked of the class.
CALLED = {
    "App": r"\b(app|bridge)$|\bApp\b",
    "CampaignTable": r"\b_?table$",
    "Controls": r"\b_?controls$",
    "Settings": r"settings$|\bSettings\b",
}

Function = ast.FunctionDef
Definition = ast.FunctionDef | ast.ClassDef


def actions_of(handler: Path, within: Path | None = None, services: tuple[str, ...] = SERVICES) -> set[str]:
    """The IAM actions that the code behind a handler needs, of these services; `within`: only what one module calls."""
    parts = _reachable(handler)
    if within:
        own = {id(node) for node in ast.walk(_parsed(within))}
        parts = [part for part in parts if id(part) in own]
    nodes = [node for part in parts for node in ast.walk(part)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    # Called, or handed to what calls it.
    methods = {one.attr for call in calls for one in (call.func, *call.args) if isinstance(one, ast.Attribute)}
    methods |= {name for call in calls if _is_paginator(call) for name in _strings(call)}
    return {action for method, action in _actions_by_method(services).items() if method in methods}


def _is_paginator(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "get_paginator"


def variables_of(handler: Path) -> set[str]:
    """The environment variables without which the code behind a handler does not run."""
    return {
        node.slice.value
        for part in _reachable(handler)
        for node in ast.walk(part)
        if isinstance(node, ast.Subscript)
        and ast.unparse(node.value).endswith("environ")
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }


def words_of(functions: Path) -> set[str]:
    """Every CamelCase string in the code: the names of metrics, among others."""
    strings = {string for path in functions.rglob("*.py") for string in _strings(_parsed(path))}
    return {string for string in strings if re.fullmatch(r"([A-Z][a-z]+)+", string)}


def fields_of_log_lines(functions: Path, *levels: str) -> set[str]:
    """The fields that log lines of these levels are given by name."""
    calls = [node for path in functions.rglob("*.py") for node in ast.walk(_parsed(path)) if isinstance(node, ast.Call)]
    return {
        keyword.arg
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in levels
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "logger"
        for keyword in call.keywords
        if keyword.arg
    }


def clients_of(module: Path) -> set[str]:
    """The AWS services that a module names."""
    return _strings(_parsed(module)) & set(boto3.Session().get_available_services())


def _strings(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@cache
def _actions_by_method(services: tuple[str, ...]) -> dict[str, str]:
    """boto3's client methods, and the IAM action that each needs."""
    found = {}
    for service in services:
        client = boto3.client(service, region_name="ap-south-1", aws_access_key_id="x", aws_secret_access_key="x")
        for method, operation in client.meta.method_to_api_mapping.items():
            action = f"{service}:{operation}"
            found[method] = SAME_PERMISSION.get(action, action)
    return found


@cache
def _reachable(handler: Path) -> list[ast.AST]:
    """What can run behind a handler: module bodies, functions whose names are used, methods of classes that are made.

    What a function imports is imported only when the function is reached.
    """
    root = handler.parent.parent
    paths, found = [handler], _body(_parsed(handler))
    found += [part for part in _parsed(handler).body if isinstance(part, Function) and part.name == "handler"]
    known = set(found)
    while True:
        modules = [path for path in dict.fromkeys(_imported(root, found)) if path not in paths]
        paths += modules
        new = [part for path in modules for part in _body(_parsed(path))]
        used = {name for part in found for name in _names(part)}
        for module in map(_parsed, paths):
            for one in module.body:
                if isinstance(one, Definition) and one.name in used:
                    new += _parts(one, found)
        new = [part for part in dict.fromkeys(new) if part not in known]
        if not new and not modules:
            return found
        found += new
        known.update(new)


def _body(module: ast.Module) -> list[ast.AST]:
    """What runs when a module is imported."""
    return [part for part in module.body if not isinstance(part, Definition)]


def _parts(definition: Definition, found: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What of a function or class that is used can run. A method is only ever used as an attribute."""
    if isinstance(definition, Function):
        yield definition
        return
    asked = {*_asked(found, re.compile(CALLED.get(definition.name, "")))}
    if definition.name in CALLED:
        known = set(found)
        own = [part for part in definition.body if part in known]
        asked.update(_asked(own, re.compile(r"^(self|cls)$")))
    for part in definition.body:
        if not isinstance(part, Function) or part.name in asked or part.name.startswith("__"):
            yield part


def _asked(parts: Iterable[ast.AST], of: re.Pattern[str]) -> Iterator[str]:
    """The attributes that are asked of objects whose expression matches."""
    for part in parts:
        yield from (name for value, name in _attributes(part) if of.search(value))


@cache
def _attributes(part: ast.AST) -> list[tuple[str, str]]:
    """Every attribute in a part of the code: what it is asked of, as it is written, and its name."""
    return [(ast.unparse(node.value), node.attr) for node in ast.walk(part) if isinstance(node, ast.Attribute)]


def _imported(root: Path, parts: Iterable[ast.AST]) -> Iterator[Path]:
    """The files of our modules that are imported in parts of the code."""
    return (path for part in parts for path in _files(root, part))


@cache
def _files(root: Path, part: ast.AST) -> list[Path]:
    stems = [root.joinpath(*name.split(".")) for name in _imports(part)]
    return [path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.exists()]


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


@cache
def _parsed(path: Path) -> ast.Module:
    """A module without what only the type checker reads."""
    module: ast.Module = _Untyped().visit(ast.parse(path.read_text()))
    return module


class _Untyped(ast.NodeTransformer):
    """Takes out annotations and what is imported for them."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return ast.copy_location(ast.Expr(node.value or ast.Constant(None)), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node


@cache
def _names(tree: ast.AST) -> frozenset[str]:
    """Every name that is used; that it is imported is no use, but for one that is imported under another name."""
    nodes = list(ast.walk(tree))
    return frozenset(
        [node.id for node in nodes if isinstance(node, ast.Name)]
        + [node.attr for node in nodes if isinstance(node, ast.Attribute)]
        + [node.name for node in nodes if isinstance(node, ast.alias) and node.asname]
    )

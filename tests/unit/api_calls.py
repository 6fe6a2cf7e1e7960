"""Which AWS API calls a function's code can make, found by reading it.

From the door (`accept.py` …) every name that is used is followed to what has that name in the modules it imports: a
function, or a method of a class that is made. A name may stand for more than was meant, never for less: a call may be
listed that is never made, but none that is made is missing. (`getattr` with a built name would escape.)
"""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVICES = ("dynamodb", "secretsmanager", "sqs")
# Calls that a library makes for us, by the name it is used under.
INDIRECT = {"SecretsProvider": "secretsmanager:GetSecretValue"}
# IAM knows no action for the batch.
SAME_PERMISSION = {"sqs:SendMessageBatch": "sqs:SendMessage"}

Definition = ast.FunctionDef | ast.ClassDef


def actions_of(door: Path) -> set[str]:
    """The IAM actions that the code behind a door needs."""
    nodes = [node for part in _reachable(door) for node in ast.walk(part)]
    methods = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    direct = {action for method, action in _actions_by_method().items() if method in methods}
    return direct | {action for name, action in INDIRECT.items() if name in names}


def variables_of(door: Path) -> set[str]:
    """The environment variables without which the code behind a door does not run."""
    return {
        node.slice.value
        for part in _reachable(door)
        for node in ast.walk(part)
        if isinstance(node, ast.Subscript)
        and ast.unparse(node.value) == "os.environ"
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }


def words_of(functions: Path) -> set[str]:
    """Every CamelCase string in the code: the names of metrics, among others."""
    strings = {string for path in functions.rglob("*.py") for string in _strings(_parsed(path))}
    return {string for string in strings if re.fullmatch(r"([A-Z][a-z]+)+", string)}


def clients_of(module: Path) -> set[str]:
    """The AWS services that a module names."""
    return _strings(_parsed(module)) & set(boto3.Session().get_available_services())


def _strings(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@cache
def _actions_by_method() -> dict[str, str]:
    """boto3's client methods, and the IAM action that each needs."""
    found = {}
    for service in SERVICES:
        client = boto3.client(service, region_name="ap-south-1", aws_access_key_id="x", aws_secret_access_key="x")
        for method, operation in client.meta.method_to_api_mapping.items():
            action = f"{service}:{operation}"
            found[method] = SAME_PERMISSION.get(action, action)
    return found


def _reachable(door: Path) -> list[ast.AST]:
    """What can run behind a door: module bodies, functions whose names are used, methods of classes that are made."""
    modules = [_parsed(path) for path in _imported(door)]
    found = [part for module in modules for part in module.body if not isinstance(part, Definition)]
    functions = [part for module in modules for part in module.body if isinstance(part, ast.FunctionDef)]
    classes = [part for module in modules for part in module.body if isinstance(part, ast.ClassDef)]
    handler = [part for part in functions if part.name == "handler"]
    found += handler
    while True:
        used = {name for part in found for name in _names(part)}
        parts: list[ast.AST] = [one for one in functions if one.name in used]
        for one in classes:
            if one.name in used:
                parts += [
                    part
                    for part in one.body
                    if not isinstance(part, ast.FunctionDef) or part.name in used or part.name.startswith("__")
                ]
        new = [part for part in parts if not any(part is known for known in found)]
        if not new:
            return found
        found += new


def _imported(door: Path) -> list[Path]:
    """The door's file and those of all our modules that it imports, and they."""
    root = door.parent
    found, waiting = [door], [door]
    while waiting:
        for name in _imports(_parsed(waiting.pop())):
            stem = root.joinpath(*name.split("."))
            for path in (stem.with_suffix(".py"), stem / "__init__.py"):
                if path.exists() and path not in found:
                    found.append(path)
                    waiting.append(path)
    return found


def _imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
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


def _names(tree: ast.AST) -> Iterator[str]:
    """Every name that is used; that it is imported is no use."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr

"""Reads template.yaml for one machine: the only description of tables, queues, functions and secrets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]  # cfn-lint ships no types

from local.intrinsics import NO_VALUE, Resolver, TemplateError
from local.names import ACCOUNT_ID, REGION
from local.resources import (
    FunctionDescription,
    QueueDescription,
    SecretDescription,
    TableDescription,
    WidgetDescription,
    function_of,
    queue_of,
    secret_of,
    table_of,
    widgets_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:",
    "AWS::Serverless::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:",
}


@dataclass(frozen=True, slots=True)
class Stack:
    """What the template describes, by logical id, with every value resolved."""

    name: str
    tables: dict[str, TableDescription]
    queues: dict[str, QueueDescription]
    functions: dict[str, FunctionDescription]
    secrets: dict[str, SecretDescription]
    widgets: list[WidgetDescription]


def read_stack(
    name: str,
    parameters: Mapping[str, Any],
    endpoint: str,
    *,
    overrides: Mapping[str, Any] | None = None,
    template: Path = TEMPLATE,
) -> Stack:
    """Read the template as the stack `name` whose AWS is at `endpoint`. Raises TemplateError.

    `parameters` replace the template's defaults; `overrides` replace properties of resources, by logical id and as
    deep as they go: `{"DispatchQueue": {"VisibilityTimeout": 3}}`.
    """
    document = cfn_yaml.load(str(template))
    resources: dict[str, Any] = document["Resources"]
    for logical_id, properties in (overrides or {}).items():
        if logical_id not in resources:
            raise TemplateError(f"the template has no resource {logical_id}")
        resources[logical_id]["Properties"] = _merged(resources[logical_id]["Properties"], properties)
    values = _parameters(document.get("Parameters", {}), parameters) | _pseudo_parameters(name)
    references, attributes = _identities(name, resources, endpoint)
    resolver = Resolver(values | references, attributes, document.get("Conditions", {}))
    return _stack(name, document, resolver, template.parent)


def _stack(name: str, document: dict[str, Any], resolver: Resolver, root: Path) -> Stack:
    defaults = resolver.resolve(document.get("Globals", {}).get("Function", {}))

    def of_type(kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for logical_id, resource in document["Resources"].items():
            is_wanted = "Condition" not in resource or resolver.holds(resource["Condition"])
            if resource["Type"] == kind and is_wanted:
                yield logical_id, resolver.resolve({"Ref": logical_id}), resolver.resolve(resource["Properties"])

    return Stack(
        name=name,
        tables={key: table_of(ref, own) for key, ref, own in of_type("AWS::DynamoDB::Table")},
        queues={key: queue_of(ref, own) for key, ref, own in of_type("AWS::SQS::Queue")},
        functions={
            key: function_of(ref, own, defaults, root) for key, ref, own in of_type("AWS::Serverless::Function")
        },
        secrets={key: secret_of(own) for key, _, own in of_type("AWS::SecretsManager::Secret")},
        widgets=[one for _, _, own in of_type("AWS::CloudWatch::Dashboard") for one in widgets_of(own)],
    )


def _identities(
    stack_name: str, resources: Mapping[str, Any], endpoint: str
) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
    """What `Ref` and `GetAtt` give for every resource. The template fixes no names, so these are ours."""
    references: dict[str, Any] = {}
    attributes: dict[tuple[str, str], Any] = {}
    for logical_id, resource in resources.items():
        name, kind = f"{stack_name}-{logical_id}", resource["Type"]
        references[logical_id] = f"{endpoint}/{ACCOUNT_ID}/{name}" if kind == "AWS::SQS::Queue" else name
        arn = ARNS.get(kind, f"arn:aws:local:{REGION}:{ACCOUNT_ID}:") + name
        attributes[logical_id, "Arn"] = arn
        if kind == "AWS::Serverless::Function":  # the alias that SAM makes for AutoPublishAlias
            references[f"{logical_id}Aliaslive"] = f"{arn}:live"
        attributes[logical_id, "StreamArn"] = f"{arn}/stream/local"
        attributes[logical_id, "QueueName"] = name
    return references, attributes


def _merged(value: Any, override: Any) -> Any:
    if not (isinstance(value, dict) and isinstance(override, dict)):
        return override
    return {**value, **{key: _merged(value.get(key), one) for key, one in override.items()}}


def _parameters(declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = given.keys() - declared.keys()
    if unknown:
        raise TemplateError(f"the template has no parameter {', '.join(sorted(unknown))}")
    defaults = {name: one["Default"] for name, one in declared.items() if "Default" in one}
    return {**defaults, **given}


def _pseudo_parameters(stack_name: str) -> dict[str, Any]:
    return {
        "AWS::StackName": stack_name,
        "AWS::AccountId": ACCOUNT_ID,
        "AWS::Region": REGION,
        "AWS::Partition": "aws",
        "AWS::NoValue": NO_VALUE,
    }

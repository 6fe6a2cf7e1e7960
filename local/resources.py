"""The resources of the template that exist here too, with the properties that matter here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.event_sources import QueueSource, Route, StreamSource, queue_source, route, stream_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Properties of AWS::SQS::Queue that are the names of queue attributes as well.
QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)
# Properties of AWS::DynamoDB::Table that `create_table` takes.
TABLE_PROPERTIES = ("AttributeDefinitions", "BillingMode", "KeySchema", "GlobalSecondaryIndexes")


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table: `definition` is what `create_table` takes; `ttl` the attribute in epoch seconds, if any."""

    name: str
    definition: dict[str, Any]
    ttl: str | None


@dataclass(frozen=True, slots=True)
class QueueDescription:
    """A queue: `attributes` are what `create_queue` takes."""

    name: str
    url: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class SecretDescription:
    """A secret: `value` is the JSON document a new stack's secret holds, with its placeholders."""

    name: str
    value: dict[str, str]


@dataclass(frozen=True, slots=True)
class WidgetDescription:
    """A dashboard's custom widget: the ARN of the function that draws it, and what it is given."""

    endpoint: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FunctionDescription:
    """A function. `timeout` in seconds, `memory` in MB; `code` is the directory of its CodeUri."""

    name: str
    handler: str
    code: Path
    timeout: int
    memory: int
    environment: dict[str, str]
    routes: list[Route] = field(default_factory=list)
    queues: list[QueueSource] = field(default_factory=list)
    streams: list[StreamSource] = field(default_factory=list)


def table_of(name: str, properties: Mapping[str, Any]) -> TableDescription:
    """Read an AWS::DynamoDB::Table."""
    definition = {key: properties[key] for key in TABLE_PROPERTIES if key in properties}
    if "StreamSpecification" in properties:
        definition["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
    ttl = properties.get("TimeToLiveSpecification", {}).get("AttributeName")
    return TableDescription(name, definition, ttl)


def queue_of(url: str, properties: Mapping[str, Any]) -> QueueDescription:
    """Read an AWS::SQS::Queue."""
    attributes = {key: as_text(properties[key]) for key in QUEUE_ATTRIBUTES if key in properties}
    return QueueDescription(url.rpartition("/")[2], url, attributes)


def secret_of(properties: Mapping[str, Any]) -> SecretDescription:
    """Read an AWS::SecretsManager::Secret whose value is generated from a JSON template."""
    generated = properties["GenerateSecretString"]
    value = json.loads(generated["SecretStringTemplate"])
    return SecretDescription(properties["Name"], {**value, generated["GenerateStringKey"]: "generated"})


def widgets_of(properties: Mapping[str, Any]) -> list[WidgetDescription]:
    """Read the custom widgets of an AWS::CloudWatch::Dashboard."""
    widgets = json.loads(properties["DashboardBody"])["widgets"]
    custom = [one["properties"] for one in widgets if one["type"] == "custom"]
    return [WidgetDescription(one["endpoint"], one.get("params", {})) for one in custom]


def function_of(name: str, own: Mapping[str, Any], defaults: Mapping[str, Any], root: Path) -> FunctionDescription:
    """Read an AWS::Serverless::Function; `defaults` are the template's Globals."""
    properties = {**defaults, **own}
    variables = {**_variables(defaults), **_variables(own)}
    events: list[dict[str, Any]] = list(properties.get("Events", {}).values())
    return FunctionDescription(
        name=name,
        handler=properties["Handler"],
        code=root / properties["CodeUri"],
        timeout=int(properties.get("Timeout", 3)),
        memory=int(properties.get("MemorySize", 128)),
        environment={key: as_text(value) for key, value in variables.items()},
        routes=[route(event["Properties"]) for event in events if event["Type"] == "HttpApi"],
        queues=[queue_source(event["Properties"]) for event in events if event["Type"] == "SQS"],
        streams=[stream_source(event["Properties"]) for event in events if event["Type"] == "DynamoDB"],
    )


def as_text(value: Any) -> str:
    """A property as an AWS API or an environment variable takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _variables(properties: Mapping[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = properties.get("Environment", {}).get("Variables", {})
    return variables

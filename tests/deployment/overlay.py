"""What has to be changed in the template before ministack can create it, and nothing else.

`sam deploy` runs on the real template, as built; this is laid over it. Each change has its reason here;
docs/emulators.md lists what is therefore not tried.
"""

from __future__ import annotations

import copy
import string
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Template = dict[str, Any]

API = "HttpApi"
FUNCTION = "AWS::Serverless::Function"


def overlaid(template: Template, endpoint: str, artifact: str) -> Template:
    """A template as built by SAM, for ministack at `endpoint`; `artifact` is the zip of all functions."""
    changed = copy.deepcopy(template)
    for function in _properties(changed, FUNCTION):
        function["CodeUri"] = artifact
    # The one variable that the template leaves empty on AWS.
    changed["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = endpoint
    for change in (
        _without_codedeploy,
        _without_metric_math,
        _without_saved_queries,
        _numbers,
        _routes,
        _endpoint(endpoint),
        _key_without_punctuation,
        _batch_calls,
    ):
        change(changed)
    return changed


def _without_codedeploy(template: Template) -> None:
    """ministack has no CodeDeploy: here the alias moves by CloudFormation, at once."""
    for properties in [template["Globals"]["Function"], *_properties(template, FUNCTION)]:
        properties.pop("DeploymentPreference", None)


def _without_metric_math(template: Template) -> None:
    """It makes no alarm with `Metrics` (metric math). The dashboard keeps a name in their place."""
    resources, dashboard = template["Resources"], template["Resources"]["Dashboard"]["Properties"]
    gone = [
        name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    ]
    for name in gone:
        del resources[name]
        body = dashboard["DashboardBody"]["Fn::Sub"]
        dashboard["DashboardBody"]["Fn::Sub"] = body.replace(f"${{{name}.Arn}}", f"arn:aws:cloudwatch:::alarm:{name}")


def _without_saved_queries(template: Template) -> None:
    """It has no saved queries of Logs Insights; nothing refers to them."""
    resources = template["Resources"]
    template["Resources"] = {
        name: resource for name, resource in resources.items() if resource["Type"] != "AWS::Logs::QueryDefinition"
    }


def _numbers(template: Template) -> None:
    """It compares a text with a number where a parameter (always a text) is meant to be one."""
    for event in _events(template, "SQS"):
        scaling = event.get("ScalingConfig", {})
        if isinstance(scaling.get("MaximumConcurrency"), dict):
            scaling["MaximumConcurrency"] = template["Parameters"][scaling["MaximumConcurrency"]["Ref"]]["Default"]


def _routes(template: Template) -> None:
    """It does not read an API's `Body` (OpenAPI): each route stands beside it, as the body has it."""
    for function, resource in list(template["Resources"].items()):
        for event, properties in _events_of(resource, "HttpApi"):
            template["Resources"][f"{event}Integration"] = _integration(function, properties)
            template["Resources"][f"{event}Route"] = _route(event, properties)


def _integration(function: str, event: dict[str, Any]) -> dict[str, Any]:
    prefix = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions"
    properties = {
        "ApiId": {"Ref": API},
        "IntegrationType": "AWS_PROXY",
        "PayloadFormatVersion": "2.0",
        "IntegrationUri": {"Fn::Sub": f"{prefix}/${{{function}Aliaslive}}/invocations"},
        "TimeoutInMillis": event.get("TimeoutInMillis", 30_000),
    }
    return {"Type": "AWS::ApiGatewayV2::Integration", "Properties": properties}


def _route(name: str, event: dict[str, Any]) -> dict[str, Any]:
    properties = {
        "ApiId": {"Ref": API},
        "RouteKey": f"{event['Method'].upper()} {event['Path']}",
        "Target": {"Fn::Sub": f"integrations/${{{name}Integration}}"},
    }
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def _endpoint(url: str) -> Callable[[Template], None]:
    """It serves an API by its id below its own address, and not under the name that the output Endpoint has on AWS."""

    def change(template: Template) -> None:
        template["Outputs"]["Endpoint"]["Value"] = {"Fn::Sub": f"{url}/_aws/execute-api/${{{API}}}/$default/sms"}

    return change


def _key_without_punctuation(template: Template) -> None:
    """It does not know `ExcludePunctuation`, which a key that goes into a header needs."""
    for properties in _properties(template, "AWS::SecretsManager::Secret"):
        properties["GenerateSecretString"]["ExcludeCharacters"] = string.punctuation


def _batch_calls(template: Template) -> None:
    """It asks for a permission named like the call; on AWS `sqs:SendMessage` covers SendMessageBatch."""
    for role in _properties(template, "AWS::IAM::Role"):
        for statement in (one for policy in role.get("Policies", ()) for one in policy["PolicyDocument"]["Statement"]):
            actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            if "sqs:SendMessage" in actions:
                statement["Action"] = [*actions, "sqs:SendMessageBatch"]


def _properties(template: Template, kind: str) -> Iterator[dict[str, Any]]:
    return (one["Properties"] for one in template["Resources"].values() if one["Type"] == kind)


def _events(template: Template, kind: str) -> Iterator[dict[str, Any]]:
    for resource in template["Resources"].values():
        yield from (properties for _, properties in _events_of(resource, kind))


def _events_of(resource: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if resource["Type"] == FUNCTION:
        for name, event in resource["Properties"].get("Events", {}).items():
            if event["Type"] == kind:
                yield name, event["Properties"]

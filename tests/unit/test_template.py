"""template.yaml as CloudFormation gets it: what must hold of the stack, and that the checks notice when it does not."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.bench import cost
from tests.unit import api_calls
from tests.unit import template_checks as checks

ROOT = Path(__file__).parents[2]
TEMPLATE = checks.translate(ROOT / "template.yaml")

# What a function's event sources do in its name, and its log.
OF_LAMBDA = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}


def door(function: str) -> Path:
    handler: str = TEMPLATE["Resources"][function]["Properties"]["Handler"]
    return ROOT / "functions" / f"{handler.removesuffix('.handler')}.py"


def variables(function: str) -> dict[str, Any]:
    found: dict[str, Any] = TEMPLATE["Resources"][function]["Properties"]["Environment"]["Variables"]
    return found


def test_the_stack_is_as_it_must_be():
    assert checks.problems(TEMPLATE) == []


# The template and the code


@pytest.mark.parametrize("function", checks.FUNCTIONS)
def test_a_function_may_make_the_api_calls_its_code_makes_and_no_other(function):
    allowed = {action for one in checks.statements(TEMPLATE, function) for action in checks.listed(one["Action"])}
    assert allowed - OF_LAMBDA == api_calls.actions_of(door(function))


@pytest.mark.parametrize("function", checks.FUNCTIONS)
def test_a_function_may_write_to_the_queue_it_is_given_and_to_no_other(function):
    given = {checks.target(value) for name, value in variables(function).items() if name.endswith("_QUEUE_URL")}
    stream_failures = {
        checks.target(mapping["DestinationConfig"]["OnFailure"]["Destination"])
        for name, _, mapping in checks.sources(TEMPLATE)
        if name == function and "DestinationConfig" in mapping
    }
    writable = {
        checks.target(resource)
        for one in checks.statements(TEMPLATE, function)
        if "sqs:SendMessage" in checks.listed(one["Action"])
        for resource in checks.listed(one["Resource"])
    }
    assert writable == given | stream_failures


@pytest.mark.parametrize("function", checks.FUNCTIONS)
def test_a_function_may_take_from_the_queues_and_streams_it_is_fed_by_and_from_no_other(function):
    fed_by = {source for name, source, _ in checks.sources(TEMPLATE) if name == function}
    takes = {
        checks.target(resource)
        for one in checks.statements(TEMPLATE, function)
        if {"sqs:ReceiveMessage", "dynamodb:GetRecords"} & set(checks.listed(one["Action"]))
        for resource in checks.listed(one["Resource"])
    }
    assert takes == fed_by


@pytest.mark.parametrize("function", checks.FUNCTIONS)
def test_a_function_gets_the_environment_variables_its_code_needs(function):
    assert api_calls.variables_of(door(function)) <= variables(function).keys()


def test_the_functions_services_are_told_apart_by_the_names_that_the_alarms_use():
    names = {variables(function)["POWERTOOLS_SERVICE_NAME"] for function in checks.FUNCTIONS}
    assert names == {"accept", "dispatch", "receive", "report"}
    assert {service for _, service in checks.own_metrics(TEMPLATE) if service} == names


def test_every_metric_that_an_alarm_or_the_dashboard_shows_is_emitted_by_the_code():
    shown = {metric for metric, service in checks.own_metrics(TEMPLATE) if service}
    assert shown - api_calls.words_of(ROOT / "functions") == set()


def test_the_artifact_keeps_the_service_descriptions_that_the_code_needs():
    kept = re.search(r"^AWS_SERVICES = (.*)$", (ROOT / "functions/Makefile").read_text(), re.MULTILINE)
    assert kept
    made = api_calls.clients_of(ROOT / "functions/bridge/aws.py")
    assert set(kept[1].split()) == made
    assert made | {"dynamodb"} == set(api_calls.SERVICES), "DynamoDB alone is called without a client"


def test_the_makefile_builds_every_function():
    recipe = (ROOT / "functions/Makefile").read_text()
    assert [name for name in checks.FUNCTIONS if f"build-{name}" not in recipe] == []


def test_a_row_outlives_every_chunk_that_could_send_its_message_again():
    parameters, day = TEMPLATE["Parameters"], 86_400
    dead_letters = TEMPLATE["Resources"]["DispatchDeadLetters"]["Properties"]["MessageRetentionPeriod"]
    valid = parameters["MessageValidityHours"]["MaxValue"] * 3_600
    assert parameters["RetentionDays"]["MinValue"] * day >= dead_letters + valid


# The template and the bench


def test_the_bench_reckons_with_the_templates_memory():
    megabytes = [TEMPLATE["Resources"][name]["Properties"]["MemorySize"] for name in checks.FUNCTIONS]
    assert [size * 1_024 for size in (cost.ACCEPT_GB, cost.DISPATCH_GB, cost.RECEIVE_GB, cost.REPORT_GB)] == megabytes


# The template and the README


def test_the_readme_says_what_to_do_for_every_alarm_and_for_no_other():
    text = (ROOT / "README.md").read_text()
    operate = re.search(r"^## Operate$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert operate, "README.md has no section '## Operate'"
    named = set(re.findall(r"^\| `(\w+)`", operate[1], re.MULTILINE))
    there = {key.removesuffix("Alarm") for key in checks.of_type(TEMPLATE, "AWS::CloudWatch::Alarm")}
    assert named == there


def test_the_readme_names_every_parameter():
    text = (ROOT / "README.md").read_text()
    assert [name for name in TEMPLATE["Parameters"] if f"`{name}`" not in text] == []


# The checks themselves: whatever is taken out of the template, one of them notices


def without(*path: str | int) -> Any:
    """The template without what a path leads to."""
    broken = copy.deepcopy(TEMPLATE)
    place: Any = broken["Resources"]
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return broken


def changed(value: Any, *path: str | int) -> Any:
    """The template with another value where a path leads."""
    broken = copy.deepcopy(TEMPLATE)
    place: Any = broken["Resources"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return broken


def noticed(template: Any) -> bool:
    """Whether a check says something, or the template no longer agrees with the code."""
    if checks.problems(template):
        return True
    for function in checks.FUNCTIONS:
        actions = [action for one in checks.statements(template, function) for action in checks.listed(one["Action"])]
        before = [action for one in checks.statements(TEMPLATE, function) for action in checks.listed(one["Action"])]
        if sorted(actions) != sorted(before):  # the tests above hold them equal to what the code calls
            return True
    return False


STATEMENTS = [
    pytest.param(
        without(role, "Properties", "Policies", 0, "PolicyDocument", "Statement", index), id=f"{role}-{one['Sid']}"
    )
    for role, properties in checks.of_type(TEMPLATE, "AWS::IAM::Role").items()
    for index, one in enumerate(checks.statements_of(properties))
]
RESOURCES = [
    pytest.param(without(name), id=name)
    for kind in ("AWS::CloudWatch::Alarm", "AWS::Logs::LogGroup", "AWS::Logs::MetricFilter", "AWS::SQS::Queue")
    for name in checks.of_type(TEMPLATE, kind)
]
PROPERTIES = [
    pytest.param(without(name, "Properties", key), id=f"{name}-{key}")
    for kind, keys in {
        "AWS::SQS::Queue": ("RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout"),
        "AWS::Logs::LogGroup": ("RetentionInDays",),
        "AWS::Lambda::Function": ("LoggingConfig", "RecursiveLoop", "Timeout", "MemorySize", "Architectures"),
        "AWS::Lambda::EventSourceMapping": ("FunctionResponseTypes", "DestinationConfig", "FilterCriteria"),
        "AWS::Lambda::Version": ("Description",),
        "AWS::ApiGatewayV2::Stage": ("AccessLogSettings", "DefaultRouteSettings"),
        "AWS::CodeDeploy::DeploymentGroup": ("AlarmConfiguration",),
        "AWS::CloudWatch::Alarm": ("AlarmActions", "OKActions", "AlarmDescription", "AlarmName", "TreatMissingData"),
        "AWS::DynamoDB::Table": (
            "PointInTimeRecoverySpecification",
            "SSESpecification",
            "TimeToLiveSpecification",
            "StreamSpecification",
        ),
        "AWS::SecretsManager::Secret": ("GenerateSecretString",),
    }.items()
    for name, properties in checks.of_type(TEMPLATE, kind).items()
    for key in keys
    if key in properties
]
ELSE = [
    pytest.param(without("SmsLogTable", "DeletionPolicy"), id="table-goes-with-the-stack"),
    pytest.param(without("AccountSecret", "UpdateReplacePolicy"), id="secret-goes-with-AccountId"),
    pytest.param(changed(61, "DispatchFunction", "Properties", "Timeout"), id="worker-outlives-its-lifetime"),
    pytest.param(changed(15, "AcceptFunction", "Properties", "Timeout"), id="accept-slower-than-CleverTap"),
    pytest.param(
        changed("*", "AcceptRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 0, "Resource"),
        id="any-resource",
    ),
    pytest.param(
        changed("sqs:*", "AcceptRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 3, "Action"),
        id="any-action",
    ),
    pytest.param(
        changed(
            '{"route": "$context.routeKey", "status": "$context.status", "path": "$context.path"}',
            *("HttpApiApiGatewayDefaultStage", "Properties", "AccessLogSettings", "Format"),
        ),
        id="receipt-key-in-the-access-log",
    ),
    pytest.param(
        changed({}, "HttpApi", "Properties", "Body", "paths", "/sms"),
        id="no-route",
    ),
]


@pytest.mark.parametrize("template", [*STATEMENTS, *RESOURCES, *PROPERTIES, *ELSE])
def test_whatever_is_missing_from_the_template_is_noticed(template):
    assert noticed(template)


def test_the_dashboard_is_json_once_its_references_are_filled_in():
    text = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    filled = json.loads(re.sub(r"\$\{!?([^}]*)\}", "x", text))
    assert all(one["x"] >= 0 and one["x"] + one["width"] <= 24 for one in filled["widgets"])

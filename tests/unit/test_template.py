"""template.yaml as CloudFormation gets it: what must hold of the stack, and that the checks notice when it does not."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bridge.message import Cause, Failure
from bridge.message_central.verdicts import VERDICTS
from tests.bench import cost
from tests.unit import api_calls
from tests.unit import template_checks as checks

ROOT = Path(__file__).parents[2]
TEMPLATE = checks.translate(ROOT / "template.yaml")
DEPLOYED = {name: checks.as_deployed(TEMPLATE, settings) for name, settings in checks.SETTINGS.items()}
FUNCTIONS = tuple(checks.of_type(TEMPLATE, "AWS::Lambda::Function"))

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


# What Lambda keeps with a version, that SAM makes a new one of when it changes; and what it keeps with none.
NOTICED_BY_SAM = {"Code", "Environment", "MemorySize", "SnapStart"}
OF_NO_VERSION = {"Tags", "ReservedConcurrentExecutions", "RecursiveLoop"}
# Why a message is rejected; the other failures are of what was accepted, and did not end so.
NOT_REJECTING = {Failure.EXPIRED, Failure.STOPPED, Failure.UNDELIVERED, Failure.DROPPED, Failure.NETWORK}
# What a log line says beside the cause.
DETAILS = {
    *("campaign", "content_type", "count", "errors", "faults", "fields", "id", "key_version", "method", "status"),
    *("attempts", "threads"),
}
REJECTING = {str(failure) for failure in Failure if failure not in NOT_REJECTING}
# Each table, and the modules that call it.
TABLES = {
    "SmsLogTable": ["log/table.py"],
    "CampaignTable": ["campaigns/table.py", "campaigns/counters.py"],
}

# Each function's build, and what everything else was in it.
BUILDS = {
    "AcceptFunction": (3, "2a11c77cad"),
    "DispatchFunction": (3, "3b7e058d15"),
    "ReceiveFunction": (3, "fe4e7c5e29"),
    "ReportFunction": (3, "f3fd26c877"),
    "CountFunction": (2, "2fabb3234e"),
    "ConsoleFunction": (2, "1794cf2be5"),
    "SteerFunction": (2, "89bf7f08fd"),
}


def handler_of(function: str) -> Path:
    handler: str = TEMPLATE["Resources"][function]["Properties"]["Handler"]
    return ROOT / "functions" / f"{handler.removesuffix('.handler').replace('.', '/')}.py"


def variables(function: str) -> dict[str, Any]:
    found: dict[str, Any] = TEMPLATE["Resources"][function]["Properties"]["Environment"]["Variables"]
    return found


def stream_failures(function: str) -> set[str | None]:
    """The queues for what a function could not read from a stream."""
    return {
        checks.target(mapping["DestinationConfig"]["OnFailure"]["Destination"])
        for name, _, mapping in checks.sources(TEMPLATE)
        if name == function and "DestinationConfig" in mapping
    }


def test_the_stack_is_as_it_must_be():
    assert checks.problems(TEMPLATE) == []


# What can be set, one after the other


EVERYTHING = checks.SETTINGS["everything set"]
NETWORK = ("SubnetIds", "SecurityGroupIds")  # only together: the template has a rule for it
ALONE = [NETWORK, *((name,) for name in EVERYTHING if name not in NETWORK)]


@pytest.mark.parametrize("names", ALONE, ids=lambda names: names[0])
def test_each_setting_by_itself_leaves_the_stack_as_it_must_be(names):
    assert checks.problems_of(TEMPLATE, {name: EVERYTHING[name] for name in names}) == []


@pytest.mark.parametrize("names", ALONE, ids=lambda names: names[0])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_stands_in_a_role_is_the_same_with_each_setting(function, names):
    deployed = checks.as_deployed(TEMPLATE, {name: EVERYTHING[name] for name in names})
    assert checks.statements(deployed, function) == checks.statements(TEMPLATE, function)


def test_each_condition_is_decided_both_ways_by_what_is_set_here():
    decided = [checks.conditions(TEMPLATE, settings) for settings in checks.SETTINGS.values()]
    assert [name for name in TEMPLATE["Conditions"] if {one[name] for one in decided} != {True, False}] == []


# The template and the code


# What a network and a key take besides is in managed policies of their own: check_network, check_key.
@pytest.mark.parametrize("settings", DEPLOYED)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_make_the_api_calls_its_code_makes_and_no_other(function, settings):
    statements = checks.statements(DEPLOYED[settings], function)
    allowed = {action for one in statements for action in checks.listed(one["Action"])}
    aside = {"sqs:SendMessage"} if stream_failures(function) else set()  # Lambda does that in the function's name
    assert allowed - OF_LAMBDA == api_calls.actions_of(handler_of(function)) | aside


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_to_a_table_what_its_code_does_to_it_and_nothing_else(function, table):
    allowed = {
        action
        for one in checks.statements(TEMPLATE, function)
        if table in map(checks.target, checks.listed(one["Resource"]))
        for action in checks.listed(one["Action"])
    }
    modules = [ROOT / "functions/bridge" / name for name in TABLES[table]]
    made = set().union(*(api_calls.actions_of(handler_of(function), module) for module in modules))
    assert allowed - OF_LAMBDA == made


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_write_to_the_queue_it_is_given_and_to_no_other(function):
    given = {checks.target(value) for name, value in variables(function).items() if name.endswith("_QUEUE_URL")}
    writable = {
        checks.target(resource)
        for one in checks.statements(TEMPLATE, function)
        if "sqs:SendMessage" in checks.listed(one["Action"])
        for resource in checks.listed(one["Resource"])
    }
    assert writable == given | stream_failures(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_take_from_the_queues_and_streams_it_is_fed_by_and_from_no_other(function):
    fed_by = {source for name, source, _ in checks.sources(TEMPLATE) if name == function}
    takes = {
        checks.target(resource)
        for one in checks.statements(TEMPLATE, function)
        if {"sqs:ReceiveMessage", "dynamodb:GetRecords"} & set(checks.listed(one["Action"]))
        for resource in checks.listed(one["Resource"])
    }
    assert takes == fed_by


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_gets_the_environment_variables_its_code_needs(function):
    assert api_calls.variables_of(handler_of(function)) <= variables(function).keys()


def test_the_functions_services_are_told_apart_by_the_names_that_the_alarms_use():
    names = {variables(function)["POWERTOOLS_SERVICE_NAME"] for function in FUNCTIONS}
    assert names == {"accept", "dispatch", "receive", "report", "count", "console", "steer"}
    assert {service for _, service in checks.own_metrics(TEMPLATE) if service} == names - {"console"}  # counts nothing


def test_every_metric_that_an_alarm_or_the_dashboard_shows_is_emitted_by_the_code():
    shown = {metric for metric, service in checks.own_metrics(TEMPLATE) if service}
    assert shown - api_calls.words_of(ROOT / "functions") == set()


def test_the_dashboard_asks_the_logs_for_failures_by_the_names_that_the_code_gives_them():
    asked = set(re.findall(r"`failures\.([^`]+)`", json.dumps(checks.dashboard(TEMPLATE))))
    assert asked == REJECTING


def test_the_dashboard_and_the_saved_query_ask_for_every_code_of_message_central():
    codes = {str(code) for _, code in VERDICTS if code and code not in (429, 503)}  # these are HTTP's
    saved = checks.of_type(TEMPLATE, "AWS::Logs::QueryDefinition")["DoesMessageCentralWork"]["QueryString"]
    shown = {*re.findall(r"`verdicts\.(\d+)`", json.dumps(checks.dashboard(TEMPLATE)))}
    assert shown == codes
    assert {*re.findall(r"`verdicts\.(\d+)`", saved)} == codes


def test_the_dashboard_and_the_saved_query_show_of_an_error_what_the_code_says_of_its_cause():
    saved = checks.of_type(TEMPLATE, "AWS::Logs::QueryDefinition")["WhatWentWrong"]["QueryString"]
    [recent] = [query for query in checks.logs_queries(TEMPLATE) if "level in" in query]
    said = api_calls.fields_of_log_lines(ROOT / "functions", "warning", "error")
    assert {"reason", "error", "place"} <= said
    for query in (saved, recent):
        assert (said | {"error", "where"}) - DETAILS <= {*re.findall(r"\w+", query)}


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504])
def test_the_dashboard_and_the_saved_query_ask_for_what_a_proxy_says_in_message_centrals_place(status):
    saved = checks.of_type(TEMPLATE, "AWS::Logs::QueryDefinition")["DoesMessageCentralWork"]["QueryString"]
    [shown] = [query for query in checks.logs_queries(TEMPLATE) if "verdicts" in query]
    assert all(f"`verdicts.HTTP {status}`" in query for query in (saved, shown))


def test_the_dashboard_names_the_account_where_an_alarm_says_that_it_does():
    alarms = checks.of_type(TEMPLATE, "AWS::CloudWatch::Alarm").values()
    saying = [one for one in alarms if re.search("names? the account", one["AlarmDescription"])]
    assert len(saying) == 8
    assert {metric for alarm in saying for metric in checks.watched(alarm)} - checks.searched(TEMPLATE) == set()


def test_a_fault_that_fails_a_chunk_alone_raises_the_alarm_of_dispatch_which_a_gradual_deployment_looks_at():
    alarms = checks.of_type(TEMPLATE, "AWS::CloudWatch::Alarm")
    assert checks.watched(alarms["DispatchErrorsAlarm"]) == {"Errors", "Faults"}


def test_the_saved_query_asks_for_all_that_messages_are_rejected_for():
    queries = checks.of_type(TEMPLATE, "AWS::Logs::QueryDefinition")
    assert {*re.findall(r"`failures\.([^`]+)`", queries["WhyRejected"]["QueryString"])} == REJECTING


def test_the_services_that_are_called_are_those_whose_permissions_are_looked_at():
    assert api_calls.clients_of(ROOT / "functions/bridge/aws.py") == set(api_calls.SERVICES)


def properties_hash(template: Any, function: str) -> str:
    """Of what a version holds and SAM does not look at."""
    properties = template["Resources"][function]["Properties"]
    held = {name: value for name, value in properties.items() if name not in NOTICED_BY_SAM | OF_NO_VERSION}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:10]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_change_that_sam_does_not_see_raises_the_build_in_the_version_description(function):
    now = properties_hash(TEMPLATE, function)
    build, before = BUILDS[function]
    assert now == before, (
        f"{function} changed in what SAM does not look at: raise its VersionDescription to 'build {build + 1}', else "
        f"CloudFormation publishes no version and the old one goes on; then put ({build + 1}, {now!r}) into BUILDS"
    )
    versions = checks.of_type(TEMPLATE, "AWS::Lambda::Version").values()
    (description,) = [
        one["Description"]["Fn::Sub"] for one in versions if checks.target(one["FunctionName"]) == function
    ]
    assert description.startswith(f"build {build}, ")


@pytest.mark.parametrize("key", ["Handler", "LoggingConfig", "Runtime", "Timeout"])
def test_what_sam_does_not_see_is_seen_here(key):
    other = changed("other", "ReportFunction", "Properties", key)
    assert properties_hash(other, "ReportFunction") != properties_hash(TEMPLATE, "ReportFunction")


def test_saved_queries_ask_logs_that_exist_for_names_that_the_code_gives():
    groups = checks.of_type(TEMPLATE, "AWS::Logs::LogGroup")
    queries = checks.of_type(TEMPLATE, "AWS::Logs::QueryDefinition")
    assert len(queries) == 5
    for query in queries.values():
        assert {checks.target(group) for group in query["LogGroupNames"]} <= groups.keys()
        asked = re.findall(r"`(failures|postponed)\.([^`]+)`", query["QueryString"])
        assert {name for _, name in asked} <= {str(word) for word in (*Failure, *Cause)}
        metrics = re.findall(r"counts\.(\w+)", query["QueryString"])
        assert {*metrics} <= api_calls.words_of(ROOT / "functions")
    assert {*re.findall(r"`postponed\.([^`]+)`", queries["WhatWaitsAndWhy"]["QueryString"])} == {*Cause}
    every = {checks.target(properties_of(name)["LoggingConfig"]["LogGroup"]) for name in FUNCTIONS}
    for name in ("WhatWentWrong", "WhatBecameOfARequest"):
        assert {checks.target(group) for group in queries[name]["LogGroupNames"]} == every


@pytest.mark.parametrize("function", FUNCTIONS)
def test_sam_local_invoke_gives_a_function_each_table_and_queue_of_make_run(function):
    given = json.loads((ROOT / "events/env/local.json").read_text())["Parameters"]
    variables = properties_of(function)["Environment"]["Variables"]
    resources = {name: checks.target(value) for name, value in variables.items() if name.endswith(("_TABLE", "_URL"))}
    resources = {name: resource for name, resource in resources.items() if resource in TEMPLATE["Resources"]}
    assert {name: given[name].rpartition("/")[2] for name in resources} == {
        name: f"local-{resource}" for name, resource in resources.items()
    }


def properties_of(function: str) -> dict[str, Any]:
    found: dict[str, Any] = TEMPLATE["Resources"][function]["Properties"]
    return found


def test_the_makefile_builds_every_function():
    recipe = (ROOT / "functions/Makefile").read_text()
    assert [name for name in FUNCTIONS if f"build-{name}" not in recipe] == []


def test_a_row_outlives_every_chunk_that_could_send_its_message_again():
    parameters, day = TEMPLATE["Parameters"], 86_400
    dead_letters = TEMPLATE["Resources"]["DispatchDeadLetters"]["Properties"]["MessageRetentionPeriod"]
    valid = parameters["MessageValidityHours"]["MaxValue"] * 3_600
    assert parameters["RetentionDays"]["MinValue"] * day >= dead_letters + valid


# The template and the documents


def test_the_keys_policy_of_the_documents_lets_the_roles_do_with_the_key_what_theirs_lets_them_do():
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "docs/companies.md").read_text(), re.DOTALL)
    statements = {one["Sid"]: one for one in map(json.loads, blocks)}
    (ours,) = TEMPLATE["Resources"]["KeyPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    theirs = statements["LetTheStacksRolesInBeforeTheyKnowTheKey"]
    services = [
        one["Fn::Sub"].replace("${AWS::Region}", "*") for one in ours["Condition"]["StringEquals"]["kms:ViaService"]
    ]
    assert theirs["Action"] == ours["Action"]
    assert theirs["Condition"]["StringLike"]["kms:ViaService"] == services
    assert theirs["Condition"]["ArnLike"] == {"aws:PrincipalArn": "arn:aws:iam::<AWS account>:role/<stack>-*"}


@pytest.mark.parametrize("function", ["AcceptFunction", "DispatchFunction", "ReceiveFunction", "ReportFunction"])
def test_a_role_waits_for_the_queues_and_tables_that_it_names_which_is_why_the_documents_have_that_policy(function):
    # CloudFormation changes them first; a role that named them otherwise could learn of the key before.
    role = json.dumps(TEMPLATE["Resources"][checks.role_of(TEMPLATE, function) or ""])
    given = variables(function)
    named = {checks.target(value) for name, value in given.items() if name.endswith(("_QUEUE_URL", "_TABLE"))}
    assert named
    assert [name for name in named if f'"Fn::GetAtt": ["{name}"' not in role] == []


# The template and the bench


def test_the_bench_reckons_with_the_templates_memory():
    sized = ("AcceptFunction", "DispatchFunction", "ReceiveFunction", "ReportFunction", "CountFunction")
    megabytes = [TEMPLATE["Resources"][name]["Properties"]["MemorySize"] for name in sized]
    reckoned = (cost.ACCEPT_GB, cost.DISPATCH_GB, cost.RECEIVE_GB, cost.REPORT_GB, cost.COUNT_GB)
    assert [size * 1_024 for size in reckoned] == megabytes


LOGS = dict.fromkeys(("accept 1000", "dispatch 1000", "count 1000"), 1_000.0)


def test_the_bench_reckons_with_the_access_log_of_the_template():
    values = {
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": "POST /receipts/{account}/{receiptKey}",
        "status": "200",
        "responseLatency": "45",
        "integrationErrorMessage": "-",
        "error.responseType": "-",
        "identity.sourceIp": "203.0.113.112",
    }
    [stage] = checks.of_type(TEMPLATE, "AWS::ApiGatewayV2::Stage").values()
    line = stage["AccessLogSettings"]["Format"].strip()
    for name, value in values.items():
        line = line.replace(f"$context.{name}", value)
    assert "$" not in line
    assert len(line) == pytest.approx(cost.ACCESS_LOG_BYTES, rel=0.05)


def test_counting_a_million_messages_costs_less_than_five_cents():
    assert cost.batched(cost.Measured(0.002, 0.00005, 12.0, 0.7, 0.001, 0.001, 0.000_065, LOGS))["counts"] < 0.05


# The artifact's version (that docs/ describes alarms and parameters is checked by test_docs.py)


def test_the_version_of_the_artifact_is_the_newest_of_the_changelog():
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest, "CHANGELOG.md has no heading '## 1.2.3 - date'"
    assert (ROOT / "functions/bridge/VERSION").read_text() == f"{newest[1]}\n"


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


def dashboard_with(text: str, other: str) -> Any:
    """The template with something else in its dashboard."""
    path = ("Dashboard", "Properties", "DashboardBody", "Fn::Sub")
    body: str = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert text in body
    return changed(body.replace(text, other), *path)


def first_with(kind: str, key: str) -> str:
    """The first resource of a type that has a property. One is enough: the checks go through all of a type."""
    return next(name for name, properties in checks.of_type(TEMPLATE, kind).items() if key in properties)


OF_RECEIVE = ("ServerErrorsOfReceive", "Properties")
VERSION_OF_ACCEPT = next(
    name
    for name, version in checks.of_type(TEMPLATE, "AWS::Lambda::Version").items()
    if checks.target(version["FunctionName"]) == "AcceptFunction"
)
PROPERTIES = [
    pytest.param(without(first_with(kind, key), "Properties", key), id=f"{kind.rpartition(':')[2]}-{key}")
    for kind, keys in {
        "AWS::SQS::Queue": ("RedrivePolicy", "SqsManagedSseEnabled", "KmsMasterKeyId", "VisibilityTimeout"),
        "AWS::Lambda::Function": ("LoggingConfig", "RecursiveLoop", "Architectures"),
        "AWS::Lambda::EventSourceMapping": ("FunctionResponseTypes", "DestinationConfig", "FilterCriteria"),
        "AWS::Lambda::Version": ("Description",),
        "AWS::ApiGatewayV2::Stage": ("RouteSettings",),
        "AWS::CodeDeploy::DeploymentGroup": ("AlarmConfiguration",),
        "AWS::CloudWatch::Alarm": ("AlarmActions", "OKActions", "AlarmDescription", "AlarmName", "TreatMissingData"),
        "AWS::DynamoDB::Table": (
            "DeletionProtectionEnabled",
            "SSESpecification",
            "TimeToLiveSpecification",
            "StreamSpecification",
        ),
        "AWS::SecretsManager::Secret": ("GenerateSecretString",),
    }.items()
    for key in keys
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
    pytest.param(changed("Retain", "CampaignTable", "DeletionPolicy"), id="table-stays-where-nothing-else-was-made"),
    pytest.param(
        changed(86_400, "ReportFunctionFinalMessages", "Properties", "MaximumRecordAgeInSeconds"),
        id="stream-failures-gone-when-read",
    ),
    pytest.param(
        changed(0, "CountFunctionChanges", "Properties", "TumblingWindowInSeconds"), id="count-knows-no-shard"
    ),
    pytest.param(changed(2, "CountFunctionChanges", "Properties", "ParallelizationFactor"), id="count-has-no-order"),
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
    pytest.param(without("DispatchRole", "Properties", "PermissionsBoundary"), id="unbounded-role"),
    pytest.param(without("DeploymentRole", "Properties", "PermissionsBoundary"), id="unbounded-deployment"),
    pytest.param(without("ReportFunction", "Properties", "VpcConfig"), id="function-outside-the-network"),
    pytest.param(without("ReportRole", "Properties", "ManagedPolicyArns", 0), id="may-not-enter-the-network"),
    pytest.param(without("ReportRole", "Properties", "ManagedPolicyArns", 1), id="may-not-use-the-key"),
    pytest.param(without("AlarmTopic", "Properties", "KmsMasterKeyId"), id="topic-without-the-key"),
    pytest.param(without("AccountSecret", "Properties", "KmsKeyId"), id="secret-without-the-key"),
    pytest.param(
        without("CampaignTable", "Properties", "SSESpecification", "Fn::If", 1, "KMSMasterKeyId"), id="table-key"
    ),
    pytest.param(without("KeyPolicy", "Condition"), id="a-policy-without-a-key"),
    pytest.param(
        without("NetworkPolicy", "Properties", "PolicyDocument", "Statement", 1, "Condition"), id="nobody-may-enter"
    ),
    pytest.param(
        changed(
            {"ArnLike": {"lambda:SourceFunctionArn": {"Fn::Sub": "arn:aws:lambda:*:*:function:${AWS::StackName}-*"}}},
            *("NetworkPolicy", "Properties", "PolicyDocument", "Statement", 1, "Condition"),
        ),
        id="a-function-whose-name-was-cut-short-may",
    ),
    pytest.param(
        changed({"Ref": "AWS::StackName"}, "Dashboard", "Properties", "DashboardName"), id="one-region-for-an-account"
    ),
    pytest.param(without("StreamDeadLettersAlarm"), id="dead-letters-nobody-is-told-of"),
    pytest.param(without("ReceiptsNotFound"), id="metric-nobody-counts"),
    pytest.param(
        changed('{ $.route = "GET /receipts*" && $.status = "5*" }', *OF_RECEIVE, "FilterPattern"),
        id="receipts-lost-that-nobody-is-told-of",
    ),
    pytest.param(changed("Retain", VERSION_OF_ACCEPT, "DeletionPolicy"), id="snapshots-paid-for-ever"),
    pytest.param(
        dashboard_with("${SteerFunctionAlias", "${ReportFunctionAlias"), id="page-with-another-function-behind"
    ),
    pytest.param(dashboard_with('"type": "custom"', '"type": "log"'), id="no-operators-page"),
]


@pytest.mark.parametrize("template", [*PROPERTIES, *ELSE])
def test_whatever_is_missing_from_the_template_is_noticed(template):
    assert checks.problems(template)


def test_the_dashboard_is_json_once_its_references_are_filled_in():
    text = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    filled = json.loads(re.sub(r"\$\{!?([^}]*)\}", "x", text))
    assert all(one["x"] >= 0 and one["x"] + one["width"] <= 24 for one in filled["widgets"])

"""The template is read as CloudFormation would, with this machine's values."""

import json

import pytest

from local.intrinsics import NO_VALUE, Resolver, TemplateError
from local.patterns import UnknownPatternError, check_pattern, matches
from local.template import read_stack

ENDPOINT = "http://127.0.0.1:4566"


@pytest.fixture(scope="module")
def stack():
    return read_stack("local", {"AccountId": "LOCAL-ACCOUNT"}, ENDPOINT)


@pytest.fixture
def resolver():
    return Resolver(
        values={"Stage": "dev", "Size": 3, "AWS::NoValue": NO_VALUE, "Queue": "queue-url"},
        attributes={("Queue", "Arn"): "queue-arn"},
        conditions={
            "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
            "IsSmall": {"Fn::Equals": [{"Ref": "Size"}, "1"]},
        },
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "Queue"}, "queue-url"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "queue-arn"),
        ({"Fn::GetAtt": "Queue.Arn"}, "queue-arn"),
        ({"Fn::Sub": "${Stage}-${Queue.Arn}-${!Literal}"}, "dev-queue-arn-${Literal}"),
        ({"Fn::If": ["IsDev", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsSmall", "yes", "no"]}, "no"),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "Stage"}, "dev"]}]}, False),
        ({"Fn::And": [{"Fn::Equals": [1, 1]}, {"Fn::Equals": [{"Ref": "Stage"}, "dev"]}]}, True),
        ({"Fn::And": [{"Fn::Equals": [1, 1]}, {"Fn::Equals": [{"Ref": "Stage"}, "live"]}]}, False),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
    ],
)
def test_a_function_of_cloudformation_is_resolved(resolver, expression, value):
    assert resolver.resolve(expression) == value


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ({"Ref": "Nobody"}, "Nobody"),
        ({"Fn::GetAtt": ["Queue", "Colour"]}, r"Queue\.Colour"),
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue is not supported"),
        ({"Fn::Or": [{"Condition": "IsDev"}]}, "Fn::Or is not supported"),
        ({"Fn::Not": [{"Condition": "IsDev"}]}, "Condition is not supported"),
        ({"Fn::Sub": ["${Name}", {"Name": "x"}]}, "Fn::Sub with a map"),
        ({"Fn::If": ["Unknown", 1, 2]}, "Unknown"),
    ],
)
def test_what_cannot_be_resolved_is_named(resolver, expression, name):
    with pytest.raises(TemplateError, match=name):
        resolver.resolve(expression)


def test_the_table_has_the_keys_the_stream_and_the_ttl_of_the_template(stack):
    table = stack.tables["SmsLogTable"]

    assert [key["AttributeName"] for key in table.definition["KeySchema"]] == ["recipient", "messageId"]
    assert table.definition["StreamSpecification"]["StreamEnabled"]
    assert table.ttl == "expiresAt"


def test_a_queue_has_its_visibility_timeout_and_its_dead_letters(stack):
    attributes = stack.queues["DispatchQueue"].attributes

    redrive = json.loads(attributes["RedrivePolicy"])
    assert int(attributes["VisibilityTimeout"]) >= 6 * stack.functions["DispatchFunction"].timeout
    assert redrive["deadLetterTargetArn"].endswith(stack.queues["DispatchDeadLetters"].name)


def test_a_function_has_its_own_variables_and_those_of_all(stack):
    dispatch = stack.functions["DispatchFunction"]

    assert dispatch.handler.endswith("dispatch.handler")
    assert (dispatch.code / "bridge").is_dir()
    assert dispatch.environment["STACK_NAME"] == "local"
    assert dispatch.environment["DISPATCH_QUEUE_URL"] == stack.queues["DispatchQueue"].url
    assert all(isinstance(value, str) for value in dispatch.environment.values())


def test_functions_know_what_makes_them_run(stack):
    accept, report = stack.functions["AcceptFunction"], stack.functions["ReportFunction"]

    assert [route.key for route in accept.routes] == ["POST /sms"]
    assert report.streams[0].table_name == stack.tables["SmsLogTable"].name
    assert report.queues[0].reports_failures


def test_the_secret_is_the_accounts(stack):
    assert stack.secrets["AccountSecret"].name == "local/LOCAL-ACCOUNT"
    assert {"customerId", "email", "password", "apiKey"} <= stack.secrets["AccountSecret"].value.keys()


def test_a_test_may_override_a_property_and_leaves_its_neighbours_as_they_are():
    overrides = {"DispatchQueue": {"VisibilityTimeout": 2}, "DispatchFunction": {"Timeout": 5}}

    stack = read_stack("local", {"AccountId": "A"}, ENDPOINT, overrides=overrides)

    assert stack.queues["DispatchQueue"].attributes["VisibilityTimeout"] == "2"
    assert "RedrivePolicy" in stack.queues["DispatchQueue"].attributes
    assert stack.functions["DispatchFunction"].timeout == 5


@pytest.mark.parametrize(
    ("parameters", "overrides"), [({"Colour": "red"}, {}), ({}, {"NoSuchQueue": {}})], ids=["parameter", "resource"]
)
def test_an_override_of_nothing_is_an_error(parameters, overrides):
    with pytest.raises(TemplateError, match=r"Colour|NoSuchQueue"):
        read_stack("local", {"AccountId": "A", **parameters}, ENDPOINT, overrides=overrides)


PATTERN = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"report": {"BOOL": [True]}, "status": {"S": ["a", "b"]}}}}


@pytest.mark.parametrize(
    ("name", "report", "status", "passes"),
    [
        ("INSERT", True, "a", True),
        ("INSERT", True, "b", True),
        ("REMOVE", True, "a", False),
        ("INSERT", False, "a", False),
        ("INSERT", 1, "a", False),
        ("INSERT", True, "c", False),
    ],
)
def test_a_filter_lets_through_what_has_a_listed_value_everywhere(name, report, status, passes):
    image = {"report": {"BOOL": report}, "status": {"S": status}}

    assert matches(PATTERN, {"eventName": name, "dynamodb": {"NewImage": image}}) is passes


def test_a_filter_stops_what_lacks_the_place(stack):
    assert not matches(PATTERN, {"eventName": "INSERT", "dynamodb": {}})


def test_a_filter_that_is_not_played_here_is_refused():
    with pytest.raises(UnknownPatternError, match="prefix"):
        check_pattern({"status": [{"prefix": "s"}]})

"""docs/deployer_policy.json: what it takes to deploy the stack, and not much more.

What CloudFormation calls in the deployer's name for each type of resource is in AWS's own schemas, which cfn-lint
brings along.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import cfnlint
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.unit import template_checks as checks

ROOT = Path(__file__).parents[2]
POLICY = json.loads((ROOT / "docs/deployer_policy.json").read_text())
TEMPLATE = checks.translate(ROOT / "template.yaml")
# The Service Authorization Reference: the types of resource that each action can be bound to.
REFERENCE = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text())
LARGEST = 6_144  # characters of a managed policy, without white space
# Of a name, in what CloudFormation names by the stack.
MOST_CHARACTERS = {
    "AWS::CodeDeploy::Application": 100,
    "AWS::CodeDeploy::DeploymentGroup": 100,
    "AWS::DynamoDB::Table": 255,
    "AWS::IAM::ManagedPolicy": 128,
    "AWS::IAM::Role": 64,
    "AWS::Lambda::Function": 64,
    "AWS::SNS::Topic": 256,
    "AWS::SQS::Queue": 80,
}
# Of what a schema lists, the parts that belong to properties which this stack has not.
OF_OTHERS = {
    "*": (
        "elasticfilesystem:*",
        "firehose:*",
        "kinesis:*",
        "s3files:*",
        "s3:REST.PUT.OBJECT",
        "lambda:*CapacityProvider",
    ),
    "AWS::DynamoDB::Table": ("iam:CreateServiceLinkedRole", "kms:ListAliases", "logs:*", "s3:*"),
    "AWS::IAM::ManagedPolicy": ("iam:*GroupPolicy", "iam:*UserPolicy"),
    "AWS::Lambda::Function": ("lambda:GetCodeSigningConfig", "lambda:GetLayerVersion"),
    "AWS::ApiGatewayV2::Api": ("s3:*",),
    "AWS::Logs::LogGroup": ("logs:DeleteIndexPolicy", "logs:PutIndexPolicy"),
}


def types() -> list[str]:
    deployed = checks.as_deployed(TEMPLATE, checks.SETTINGS["everything set"])
    return sorted({resource["Type"] for resource in deployed["Resources"].values()})


def needed(kind: str) -> set[str]:
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("ap-south-1", kind).schema["handlers"]
    listed = {action for name, one in handlers.items() if name != "list" for action in one["permissions"]}
    ours = (*OF_OTHERS["*"], *OF_OTHERS.get(kind, ()))
    return {action for action in listed if not any(fnmatchcase(action, pattern) for pattern in ours)}


def allows(action: str) -> bool:
    statements: list[dict[str, Any]] = POLICY["Statement"]
    patterns = [pattern for one in statements for pattern in checks.listed(one["Action"])]
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)  # IAM compares so


@pytest.mark.parametrize("kind", types())
def test_whoever_deploys_may_do_what_cloudformation_does_for_each_type_of_resource(kind):
    assert {action for action in needed(kind) if not allows(action)} == set()


def test_it_allows_nothing_of_services_that_the_stack_does_not_use():
    services = {action.partition(":")[0] for kind in types() for action in needed(kind)} | {"cloudformation", "s3"}
    allowed = {action.partition(":")[0] for one in POLICY["Statement"] for action in checks.listed(one["Action"])}
    assert allowed == services


def test_all_that_can_be_changed_or_read_bears_the_stacks_name():
    wide = [one for one in POLICY["Statement"] if "<stack>" not in json.dumps(one["Resource"])]
    assert {one["Sid"] for one in wide} == {
        *("TheCode", "WhatKnowsNoNarrowerResource", "TheHttpApi", "ApiGatewaysOwnRoleInANewAccount"),
        *("OnlyWithSubnetIds", "OnlyWithKmsKeyArn"),
    }


def test_a_role_is_handed_to_lambda_and_codedeploy_alone():
    passing = [
        one for one in POLICY["Statement"] if any(fnmatchcase("iam:PassRole", a) for a in checks.listed(one["Action"]))
    ]
    assert [one["Condition"]["StringEquals"]["iam:PassedToService"] for one in passing] == [
        ["lambda.amazonaws.com", "codedeploy.amazonaws.com"]
    ]


def test_it_fits_into_a_managed_policy_with_a_long_name_for_the_stack():
    text = json.dumps(POLICY, separators=(",", ":")).replace("<stack>", "x" * 40).replace("<account>", "1" * 12)
    assert len(re.sub(r"\s", "", text)) <= LARGEST


def test_the_names_that_cloudformation_makes_begin_with_the_longest_name_that_a_stack_may_have():
    # <stack>-<logical id>-<12 characters>; what is longer than the service takes loses the end of the stack's name,
    # and with it these permissions.
    (longest,) = re.findall(r"at most (\d+) characters", (ROOT / "docs/deploy.md").read_text())
    resources = TEMPLATE["Resources"].items()
    made = {name: MOST_CHARACTERS[one["Type"]] for name, one in resources if one["Type"] in MOST_CHARACTERS}
    assert len(made) > 20, "the resources were not found"
    assert [name for name, most in made.items() if int(longest) + len(f"-{name}-") + 12 > most] == []
    assert int(longest) + len("-DispatchFunction-") + 12 == MOST_CHARACTERS["AWS::Lambda::Function"], "it may be longer"


def test_who_chooses_a_key_for_a_table_may_do_with_it_what_dynamodb_does_in_their_name():
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    needed_by_dynamodb = ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")
    others = ("GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo")
    assert [one for one in (*needed_by_dynamodb, *others) if not allows(f"kms:{one}")] == []


def test_sam_may_look_for_the_stack_of_images_that_it_keeps_beside_a_stack():
    companion = "arn:aws:cloudformation:*:<account>:stack/<stack>-*-CompanionStack/*"
    assert [one["Action"] for one in POLICY["Statement"] if one["Resource"] == companion] == [
        "cloudformation:DescribeStacks"
    ]


def test_sam_delete_may_take_the_code_out_of_its_bucket_which_it_does_before_it_deletes_the_stack():
    (code,) = [one for one in POLICY["Statement"] if one["Sid"] == "TheCode"]
    assert "s3:DeleteObject" in code["Action"]


def test_the_first_api_of_an_account_may_make_api_gateways_own_role_and_nothing_another_services():
    (one,) = [one for one in POLICY["Statement"] if "iam:CreateServiceLinkedRole" in checks.listed(one["Action"])]
    assert one["Action"] == "iam:CreateServiceLinkedRole"
    assert one["Resource"].startswith("arn:aws:iam::<account>:role/aws-service-role/ops.apigateway.amazonaws.com/")


def bound_to_nothing() -> set[str]:
    """What CloudFormation calls that no resource's name can be given for."""
    called = {action for kind in types() for action in needed(kind)}
    known = {action: REFERENCE[action.partition(":")[0]]["Actions"] for action in called}
    return {action for action in called if known[action].get(action.partition(":")[2].lower()) == {}}


# A statement with the stack's name does not help them.
@pytest.mark.parametrize(
    "action",
    sorted(
        {
            "cloudformation:GetTemplateSummary",
            "lambda:CreateEventSourceMapping",
            "lambda:GetAccountSettings",
            "logs:CreateLogDelivery",
            "logs:DescribeResourcePolicies",
            "logs:PutResourcePolicy",
            "secretsmanager:GetRandomPassword",
            "secretsmanager:ListSecrets",  # scripts/bridge, in the smoke test after a deployment
            "sns:Unsubscribe",
        }
        | bound_to_nothing()
    ),
)
def test_what_knows_no_narrower_resource_is_allowed_on_all(action):
    wide = [
        pattern for one in POLICY["Statement"] if one["Resource"] == "*" for pattern in checks.listed(one["Action"])
    ]
    assert any(fnmatchcase(action, pattern) for pattern in wide)

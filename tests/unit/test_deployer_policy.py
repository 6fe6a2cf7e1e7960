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

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.unit import template_checks as checks

ROOT = Path(__file__).parents[2]
POLICY = json.loads((ROOT / "docs/deployer_policy.json").read_text())
TEMPLATE = checks.translate(ROOT / "template.yaml")
LARGEST = 6_144  # characters of a managed policy, without white space
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
        *("TheCode", "WhatKnowsNoNarrowerResource", "TheHttpApi", "OnlyWithSubnetIds", "OnlyWithKmsKeyArn")
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


def test_sam_may_look_for_the_stack_of_images_that_it_keeps_beside_a_stack():
    companion = "arn:aws:cloudformation:*:<account>:stack/<stack>-*-CompanionStack/*"
    assert [one["Action"] for one in POLICY["Statement"] if one["Resource"] == companion] == [
        "cloudformation:DescribeStacks"
    ]


def test_sam_delete_may_take_the_code_out_of_its_bucket_which_it_does_before_it_deletes_the_stack():
    (code,) = [one for one in POLICY["Statement"] if one["Sid"] == "TheCode"]
    assert "s3:DeleteObject" in code["Action"]


# From the Service Authorization Reference: these know no resource of the stack's name, its statements do not help them.
@pytest.mark.parametrize(
    "action",
    [
        "cloudformation:GetTemplateSummary",
        "lambda:CreateEventSourceMapping",
        "lambda:GetAccountSettings",
        "logs:CreateLogDelivery",
        "logs:DescribeResourcePolicies",
        "logs:PutResourcePolicy",
        "secretsmanager:GetRandomPassword",
        "secretsmanager:ListSecrets",  # scripts/bridge, in the smoke test after a deployment
        "sns:Unsubscribe",
    ],
)
def test_what_knows_no_narrower_resource_is_allowed_on_all(action):
    wide = [
        pattern for one in POLICY["Statement"] if one["Resource"] == "*" for pattern in checks.listed(one["Action"])
    ]
    assert any(fnmatchcase(action, pattern) for pattern in wide)

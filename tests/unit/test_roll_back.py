"""What `make deploy` keeps of the stack before it changes it, and `make rollback`, which deploys that again."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from scripts import roll_back

if TYPE_CHECKING:
    from pathlib import Path

# How SAM reads parameters (samcli/cli/types.py, CfnParameterOverridesType).
SAMS_PARAMETER = (
    r"""ParameterKey=([A-Za-z0-9"']+),ParameterValue=("(?:\\.|[^"\\]+)*"|'(?:\\.|[^'\\]+)*'|(?:\\.|[^ "\\]+)+)"""
)
TEMPLATE = "Resources:\n  AcceptFunction: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://bucket/abc}}\n"


class CloudFormation:
    """A stack that stands, or none."""

    def __init__(
        self,
        parameters: dict[str, str] | None = None,
        template: Any = TEMPLATE,
        error: str = "",
        status: str = "UPDATE_COMPLETE",
    ) -> None:
        self._parameters, self._template, self._error = parameters, template, error
        self._status = status

    def describe_stacks(self, **asked: Any) -> dict[str, Any]:
        if self._parameters is None:
            raise ClientError({"Error": {"Code": self._error or "ValidationError"}}, "DescribeStacks")
        listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in self._parameters.items()]
        return {"Stacks": [{"StackName": asked["StackName"], "Parameters": listed, "StackStatus": self._status}]}

    def get_template(self, **asked: Any) -> dict[str, Any]:
        assert asked["TemplateStage"] == "Original", "the other one has no CodeUri that SAM could deploy"
        return {"TemplateBody": self._template}


class Sam:
    def __init__(self, returncode: int = 0) -> None:
        self.commands: list[list[str]] = []
        self._returncode = returncode

    def __call__(self, command: list[str], **_: Any) -> SimpleNamespace:
        self.commands.append(command)
        return SimpleNamespace(returncode=self._returncode)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    lines = ["version = 0.1", "[staging.deploy.parameters]", 'stack_name = "sms"', 'region = "ap-south-1"']
    (tmp_path / "samconfig.toml").write_text("\n".join(lines))
    return tmp_path


def rolled_back(project: Path, sam: Sam) -> int:
    return roll_back.main(["--sam", "sam", "--env", "staging"], project, sam)


def test_a_roll_back_deploys_the_template_and_the_parameters_that_were_kept(project):
    roll_back.keep(CloudFormation({"AccountId": "6K9", "RetentionDays": "30"}), "sms", project)
    sam = Sam()
    assert rolled_back(project, sam) == 0
    (command,) = sam.commands
    kept = project / ".aws-sam/before/sms"
    assert (kept / "template.yaml").read_text() == TEMPLATE
    assert command[command.index("--template-file") + 1] == str(kept / "template.yaml")
    assert command[command.index("--config-file") + 1] == str(kept / "samconfig.toml")
    assert command[command.index("--stack-name") + 1] == "sms"
    assert "--region=ap-south-1" in command
    assert command[command.index("--parameter-overrides") + 1 :] == [
        'ParameterKey=AccountId,ParameterValue="6K9"',
        'ParameterKey=RetentionDays,ParameterValue="30"',
    ]


def test_what_was_empty_before_is_made_empty_again(project):
    # SAM takes a value without quotes for the start of another parameter, and this one would keep what is taken back.
    roll_back.keep(CloudFormation({"SubnetIds": "", "SecurityGroupIds": ""}), "sms", project)
    sam = Sam()
    rolled_back(project, sam)
    (command,) = sam.commands
    given = " ".join(command[command.index("--parameter-overrides") + 1 :])
    assert re.findall(SAMS_PARAMETER, given) == [("SubnetIds", '""'), ("SecurityGroupIds", '""')]


def test_a_roll_back_is_not_held_up_by_the_alarm_that_it_is_made_for(project):
    # CodeDeploy does not begin to shift traffic while an alarm of the function is on.
    roll_back.keep(CloudFormation({"Deployment": "Canary10Percent5Minutes"}), "sms", project)
    sam = Sam()
    rolled_back(project, sam)
    assert sam.commands[0][-1] == 'ParameterKey=Deployment,ParameterValue="AllAtOnce"'


def test_a_roll_back_does_not_lower_what_cannot_be_lowered(project):
    # DynamoDB: "decreasing WarmThroughput is not supported". What SAM is not given keeps its value.
    roll_back.keep(CloudFormation({"RetentionDays": "30", "WarmWritesPerSecond": "8000"}), "sms", project)
    sam = Sam()
    assert rolled_back(project, sam) == 0
    (command,) = sam.commands
    given = command[command.index("--parameter-overrides") + 1 :]
    assert given == ['ParameterKey=RetentionDays,ParameterValue="30"']


def test_a_version_that_knows_no_deployment_is_given_none(project):
    roll_back.keep(CloudFormation({"AccountId": "6K9"}), "sms", project)
    sam = Sam()
    rolled_back(project, sam)
    assert "Deployment" not in " ".join(sam.commands[0])


def test_a_template_that_came_back_as_an_object_is_kept_as_one(project):
    roll_back.keep(CloudFormation({}, template={"Resources": {}}), "sms", project)
    assert json.loads((project / ".aws-sam/before/sms/template.yaml").read_text()) == {"Resources": {}}


def test_nothing_is_kept_of_a_stack_that_is_not_there_and_a_roll_back_says_what_else_to_do(project, capsys):
    roll_back.keep(CloudFormation(None), "sms", project)
    sam = Sam()
    assert rolled_back(project, sam) == 1
    assert sam.commands == []
    assert "docs/deploy.md" in capsys.readouterr().err


def deployed_over(project: Path, before: CloudFormation, after: CloudFormation) -> None:
    """A `make deploy` that finds a stack as `before`, and leaves it as `after`."""
    earlier = roll_back.keep(before, "sms", project)
    roll_back.settle(after, "sms", earlier, project)


FIRST, SECOND = CloudFormation({"RetentionDays": "30"}), CloudFormation({"RetentionDays": "60"})


def test_a_deployment_that_failed_or_that_nobody_wanted_does_not_take_the_place_of_the_one_before(project):
    deployed_over(project, FIRST, SECOND)
    deployed_over(project, SECOND, SECOND)
    sam = Sam()
    assert rolled_back(project, sam) == 0
    assert sam.commands[0][-1] == 'ParameterKey=RetentionDays,ParameterValue="30"'


def test_what_is_kept_stays_while_the_stack_still_changes(project):
    deployed_over(project, FIRST, SECOND)
    deployed_over(project, SECOND, CloudFormation({"RetentionDays": "60"}, status="UPDATE_IN_PROGRESS"))
    sam = Sam()
    assert rolled_back(project, sam) == 0
    assert sam.commands[0][-1] == 'ParameterKey=RetentionDays,ParameterValue="60"'


def test_another_template_is_another_version(project):
    recoded = CloudFormation({"RetentionDays": "30"}, template=TEMPLATE.replace("abc", "def"))
    deployed_over(project, FIRST, recoded)
    rolled_back(project, Sam())
    assert (project / ".aws-sam/before/sms/template.yaml").read_text() == TEMPLATE


def test_where_nothing_was_ever_changed_from_here_there_is_nothing_to_roll_back_to(project, capsys):
    deployed_over(project, FIRST, FIRST)
    assert rolled_back(project, Sam()) == 1
    assert "Nothing was kept" in capsys.readouterr().err


def test_that_the_stack_may_not_be_read_is_no_sign_that_there_is_none(project):
    with pytest.raises(ClientError):
        roll_back.keep(CloudFormation(None, error="AccessDenied"), "sms", project)


def test_a_roll_back_that_fails_says_so(project):
    roll_back.keep(CloudFormation({}), "sms", project)
    assert rolled_back(project, Sam(returncode=1)) == 1

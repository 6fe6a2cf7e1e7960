"""`make deploy` looks at the AWS account before it changes anything in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from scripts import check_quota, deploy, roll_back

ROOT = Path(__file__).parents[2]


@dataclass
class Session:
    """A boto3 session in place of its own factory; it notes what it was made with."""

    quota: int = 1_000
    region_name: str | None = "ap-south-1"
    error: Exception | None = None
    made_with: dict[str, Any] | None = None

    def __call__(self, **options: Any) -> Session:
        self.made_with = options
        self.region_name = options["region_name"] or self.region_name
        return self

    def client(self, service: str) -> Session:
        assert service == "lambda"
        return self

    def get_account_settings(self) -> dict[str, Any]:
        if self.error:
            raise self.error
        return {"AccountLimit": {"ConcurrentExecutions": self.quota}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").symlink_to(ROOT / "template.yaml")
    return configured(tmp_path)


def configured(project: Path, *lines: str) -> Path:
    (project / "samconfig.toml").write_text("\n".join(["version = 0.1", "[default.deploy.parameters]", *lines]))
    return project


def check(project: Path, session: Session, *arguments: str) -> int:
    return check_quota.main(arguments, project, session)


def test_the_usual_quota_is_enough_for_the_defaults_of_the_template(project, capsys):
    assert check(project, Session()) == 0
    assert capsys.readouterr() == ("", "")


def test_a_new_accounts_quota_stops_the_deployment_and_says_what_to_do(project, capsys):
    assert check(project, Session(quota=10)) == 1
    said = capsys.readouterr().err
    assert "quota in ap-south-1 is 10; this stack wants 60" in said
    assert "Service Quotas" in said
    assert "FORCE=1" in said


def test_a_quota_that_is_too_small_only_warns_when_it_is_forced(project, capsys):
    assert check(project, Session(quota=10), "--force") == 0
    assert "wants 60" in capsys.readouterr().err


def test_the_parameters_in_samconfig_stand_over_the_templates_defaults(project, capsys):
    given = r'"AccountId=\"6K9 XXX\" MaximumConcurrency=\"1000\" AcceptReservedConcurrency=\"200\""'
    assert check(configured(project, f"parameter_overrides = {given}"), Session()) == 1
    assert "wants 1250: 1000 for dispatch (MaximumConcurrency), 200 reserved" in capsys.readouterr().err


def test_parameters_may_be_a_list(project):
    assert check(configured(project, 'parameter_overrides = ["MaximumConcurrency=1000"]'), Session()) == 1


def test_lambda_keeps_100_for_functions_without_a_reserve(project):
    some = configured(project, 'parameter_overrides = "ReceiveReservedConcurrency=20 MaximumConcurrency=2"')
    assert [check(some, Session(quota=quota)) for quota in (119, 120)] == [1, 0]


def test_region_and_profile_of_samconfig_are_used(project):
    session = Session(region_name=None)
    assert check(configured(project, 'region = "eu-west-1"', 'profile = "sms"'), session) == 0
    assert session.made_with == {"region_name": "eu-west-1", "profile_name": "sms"}


@pytest.mark.parametrize("arguments", [(), ("--force",)])
def test_without_a_region_nothing_is_deployed(project, capsys, arguments):
    assert check(project, Session(region_name=None), *arguments) == 1
    assert "AWS_DEFAULT_REGION" in capsys.readouterr().err


def test_a_quota_that_may_not_be_read_stops_nobody(project, capsys):
    refused = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetAccountSettings")
    assert check(project, Session(error=refused)) == 0
    assert "not checked" in capsys.readouterr().err


def test_without_credentials_nothing_is_deployed(project, capsys):
    assert check(project, Session(error=NoCredentialsError())) == 1
    assert "credentials" in capsys.readouterr().err


def test_the_repositorys_own_samconfig_can_be_read():
    assert check_quota.deploy_settings(ROOT / "samconfig.toml")["stack_name"] == "clevertap-sms"


def test_each_environment_has_parameters_of_its_own(project):
    lines = ['parameter_overrides = "MaximumConcurrency=2"', "[staging.deploy.parameters]"]
    some = configured(project, *lines, 'parameter_overrides = "MaximumConcurrency=1000"')
    assert [check(some, Session(), *arguments) for arguments in ([], ["--env", "staging"])] == [0, 1]


@pytest.mark.parametrize("command", [check_quota.main, deploy.main, roll_back.main])
def test_a_mistyped_environment_ends_a_command_before_it_does_anything(project, capsys, command):
    arguments = ["--env", "prod"] if command is check_quota.main else ["--sam", "sam", "--env", "prod"]
    with pytest.raises(SystemExit) as ended:
        command(arguments, project)
    assert ended.value.code == "samconfig.toml has no section [prod.deploy.parameters]. ENV is one of: default."

"""`make deploy`: guided the first time, asking nobody in CI, and ending with what is left to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import NoCredentialsError

from scripts import deploy, next_steps
from scripts.clevertap_form import Deployed

if TYPE_CHECKING:
    from pathlib import Path

OUTPUTS = {
    "Endpoint": "https://abc.execute-api.ap-south-1.amazonaws.com/sms",
    "Account": "6K9-XXX-XX7Z",
    "DashboardLink": "https://console/dashboard",
    "TableLink": "https://console/table",
    "SecretLink": "https://console/secret?name=sms%2F6K9-XXX-XX7Z",
}


def deployed(**changes: Any) -> Deployed:
    values: dict[str, Any] = {
        "endpoint": OUTPUTS["Endpoint"],
        "account": OUTPUTS["Account"],
        "secret_link": OUTPUTS["SecretLink"],
        "api_key": "the-api-key",
        "receipt_key": "the-receipt-key",
        "callback_url": "https://eu1.api.clevertap.com/callback",
        "customer_id": "C-1",
        "missing": [],
    }
    return Deployed(**{**values, **changes})


def steps(show_keys: bool = False, **changes: Any) -> str:  # noqa: FBT001, FBT002 - a test's flag
    return next_steps.next_steps("sms", OUTPUTS, deployed(**changes), show_keys=show_keys)


# What is left to do


def test_a_new_stack_is_told_to_fill_in_the_secret_first():
    text = steps(missing=["customerId", "email", "password"], receipt_key=None, customer_id=None)
    assert "1. Fill in the secret's customerId, email, password:" in text
    assert OUTPUTS["SecretLink"] in text
    assert "2. Put a receiptKey into the same secret" in text
    assert "<customerId>" in text


def test_the_steps_name_the_smoke_test_the_form_the_request_to_message_central_and_the_dashboard():
    text = steps()
    assert "1. Try it:\n   scripts/bridge --stack sms smoke" in text
    assert "2. Fill in CleverTap's form:" in text
    assert OUTPUTS["Endpoint"] in text
    assert "delivery reports (DLR) of customer id C-1 to " in text
    assert "https://abc.execute-api.ap-south-1.amazonaws.com/receipts/6K9-XXX-XX7Z/<receiptKey>" in text
    assert OUTPUTS["DashboardLink"] in text


def test_keys_are_shown_to_who_asks_for_them_and_to_nobody_else():
    assert "the-receipt-key" not in steps()
    assert "the-api-key" not in steps()
    assert "/receipts/6K9-XXX-XX7Z/the-receipt-key" in steps(show_keys=True)
    assert "x-api-key: the-api-key" in steps(show_keys=True)


# Deploying


class Sam:
    def __init__(self, returncode: int = 0) -> None:
        self.commands: list[list[str]] = []
        self._returncode = returncode

    def __call__(self, command: list[str], **_: Any) -> SimpleNamespace:
        self.commands.append(command)
        return SimpleNamespace(returncode=self._returncode)


class Session:
    """A boto3 session without credentials."""

    region_name = "ap-south-1"

    def client(self, _: str) -> Any:
        raise NoCredentialsError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(deploy, "session_of", lambda _: Session())
    return configured(tmp_path)


def configured(project: Path, *lines: str) -> Path:
    first = ["version = 0.1", "[default.deploy.parameters]", 'stack_name = "sms"']
    (project / "samconfig.toml").write_text("\n".join([*first, *lines]))
    return project


def test_the_first_time_is_guided_and_the_next_is_not(project):
    sam = Sam()
    assert deploy.main(["--sam", "sam"], project, sam) == 0
    assert deploy.main(["--sam", "sam"], configured(project, 'parameter_overrides = "AccountId=6K9"'), sam) == 0
    assert sam.commands == [
        ["sam", "deploy", "--config-env", "default", "--guided"],
        ["sam", "deploy", "--config-env", "default"],
    ]


def test_in_ci_nobody_is_asked(project, monkeypatch, capsys):
    monkeypatch.setenv("CI", "true")
    sam = Sam()
    assert deploy.main(["--sam", "sam"], project, sam) == 1
    assert sam.commands == []
    assert "[default.deploy.parameters]" in capsys.readouterr().err
    assert deploy.main(["--sam", "sam"], configured(project, 'parameter_overrides = "AccountId=6K9"'), sam) == 0
    assert sam.commands == [["sam", "deploy", "--config-env", "default", "--no-confirm-changeset"]]


def test_a_deployment_that_fails_says_so_and_names_no_next_step(project, capsys):
    assert deploy.main(["--sam", "sam"], project, Sam(returncode=3)) == 3
    assert capsys.readouterr().out == ""


class Stacks:
    """CloudFormation, with a stack that no deployment changes."""

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        parameters = [{"ParameterKey": "AccountId", "ParameterValue": "6K9"}]
        return {"Stacks": [{"Parameters": parameters, "Outputs": [], "StackStatus": "UPDATE_COMPLETE"}]}

    def get_template(self, **_: Any) -> dict[str, Any]:
        return {"TemplateBody": "Resources: {}"}


def test_of_a_deployment_that_changes_nothing_nothing_is_kept_for_a_roll_back(project, monkeypatch):
    monkeypatch.setattr(deploy, "session_of", lambda _: SimpleNamespace(client=lambda _: Stacks()))
    kept = project / ".aws-sam/before/sms/template.yaml"
    seen = []
    assert deploy.main(["--sam", "sam"], project, lambda *_, **__: seen.append(kept.exists()) or Sam(1)([])) == 1
    assert seen == [True], "while it runs, it may be broken off"
    assert not kept.exists()


def test_a_deployment_that_is_broken_off_before_it_changes_anything_leaves_what_was_kept(project, monkeypatch, capsys):
    monkeypatch.setattr(deploy, "session_of", lambda _: SimpleNamespace(client=lambda _: Stacks()))
    kept = project / ".aws-sam/before/sms"
    kept.mkdir(parents=True)
    (kept / "template.yaml").write_text("Resources: {Earlier: {}}")
    (kept / "parameters.json").write_text("{}")

    def broken_off(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    assert deploy.main(["--sam", "sam"], project, broken_off) == 130
    assert (kept / "template.yaml").read_text() == "Resources: {Earlier: {}}"
    assert capsys.readouterr().out == ""


def test_a_stack_that_cannot_be_asked_is_deployed_all_the_same(project, capsys):
    assert deploy.main(["--sam", "sam"], project, Sam()) == 0
    said = capsys.readouterr()
    assert "docs/deploy.md" in said.out
    assert "could not be saved" in said.err

"""The life of a stack, in the order of this file: made, used, changed in a parameter, changed in its code, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deployment.conftest import ACCOUNT, STACK, Deployment

if TYPE_CHECKING:
    from pathlib import Path

BATCH = 120  # two chunks


@pytest.fixture(scope="session")
def created(deployment: Deployment) -> Deployment:
    deployment.deploy(
        AccountId=ACCOUNT,
        AlarmEmail="somebody@example.com",
        MessageCentralUrl=deployment.vendor.url,
        Architecture="x86_64",
    )
    return deployment


@pytest.fixture(scope="session")
def used(created: Deployment) -> Deployment:
    created.fill_in_the_secret()
    # A secret that was read is kept for five minutes; a wrong key has it read again at once.
    assert created.post({"to": "919876543210", "text": "Welcome"}, **{"x-api-key": "wrong"}).status == 401
    return created


# Made


def test_the_stack_is_made_with_all_that_a_user_is_told(created):
    assert [one["StackStatus"] for one in created.stacks()] == ["CREATE_COMPLETE"]
    assert created.outputs["Account"] == ACCOUNT
    assert created.outputs["Endpoint"].endswith("/sms")


def test_the_secret_has_placeholders_and_a_key_that_fits_into_a_header(created):
    assert created.secret["apiKey"].isalnum()
    assert len(created.secret["apiKey"]) == 40
    assert [name for name, value in created.secret.items() if value == "REPLACE_ME"] == [
        *("customerId", "email", "password")
    ]


def test_before_the_secret_is_filled_in_the_answer_names_the_field(created):
    answer = created.post({"to": "919876543210", "text": "Welcome"})
    assert answer.status == 503
    assert "customerId" in answer.body["error"]


# Used


def test_one_message_is_sent_and_logged(used):
    used.eventually(lambda: used.post({"to": "919876543210", "text": "Welcome"}).status == 200, "the secret is read")
    (row,) = [one for one in used.rows() if one["recipient"] == "+919876543210" and one["status"] == "sent"]
    assert row["account"] == ACCOUNT
    assert len(used.vendor.accepted) == 1


def test_a_batch_goes_through_the_queue_and_each_of_its_messages_is_sent_once(used):
    before = len(used.vendor.accepted)
    messages = [{"to": f"91987655{number:04}", "text": "Sale", "messageId": f"m{number}"} for number in range(BATCH)]
    assert used.post({"campaignId": "sale", "messages": messages}).status == 200
    used.eventually(lambda: len(used.vendor.accepted) >= before + BATCH, "all are sent")
    used.eventually(lambda: statuses(used) == {"sent"}, "all outcomes are in the log")
    assert len(used.vendor.accepted) == before + BATCH


def test_a_receipt_concludes_a_message_and_clevertap_is_told(used):
    (row,) = [one for one in used.rows() if one["messageId"] == f"{ACCOUNT}/m7"]
    receipt = {
        "verificationId": row["verificationId"],
        "mobileNumber": row["recipient"].removeprefix("+91"),
        "countryCode": "91",
        "status": "DELIVRD",
    }
    answer = used.call(
        f"/receipts/{ACCOUNT}/{used.secret['receiptKey']}", receipt, {"Content-Type": "application/json"}
    )
    assert answer.status == 200
    used.eventually(
        lambda: any(one["messageId"] == f"{ACCOUNT}/m7" and one["status"] == "delivered" for one in used.rows()), "row"
    )
    used.eventually(lambda: "m7" in {event["meta"] for event in used.clevertap.received.events}, "CleverTap is told")


def test_a_wrong_key_is_refused(used):
    answer = used.post({"to": "919876543210", "text": "Welcome"}, **{"x-api-key": "not the key at all"})
    assert answer.status == 401


def statuses(deployment: Deployment) -> set[str]:
    return {one["status"] for one in deployment.rows()}


# A parameter changed


@pytest.fixture(scope="session")
def changed(used: Deployment) -> tuple[Deployment, dict[str, int], dict[str, str]]:
    before, secret = {name: len(used.versions(name)) for name in ("AcceptFunction", "ReportFunction")}, used.secret
    used.deploy(RetentionDays="60")
    return used, before, secret


def test_a_changed_parameter_publishes_a_version_of_the_functions_that_use_it_and_moves_their_alias(changed):
    deployment, before, _ = changed
    live = deployment.live("AcceptFunction")
    assert live["Environment"]["Variables"]["RETENTION_DAYS"] == "60"
    assert len(deployment.versions("ReportFunction")) == before["ReportFunction"], "report does not use it"


def test_parameters_that_were_not_given_again_stay(changed):
    deployment, _, _ = changed
    assert deployment.live("AcceptFunction")["Environment"]["Variables"]["MESSAGE_CENTRAL_URL"] == deployment.vendor.url


def test_what_was_filled_into_the_secret_stays(changed):
    deployment, _, secret = changed
    assert deployment.secret == secret
    assert deployment.post({"to": "919876543211", "text": "Welcome"}).status == 200


# The code changed


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which `make deploy` has kept what was deployed."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="session")
def recoded(changed: tuple[Deployment, dict[str, int], dict[str, str]], kept: Path) -> Deployment:
    deployment, _, _ = changed
    deployment.keep(kept)
    for version in deployment.artifacts.glob("*Function/bridge/VERSION"):
        version.write_text("9.9.9\n")
    deployment.deploy()
    return deployment


def test_changed_code_answers_after_the_deployment(recoded):
    assert recoded.post({"to": "919876543212", "text": "Welcome"}).status == 200
    recoded.eventually(lambda: recoded.log("accept")[-2].get("version") == "9.9.9", "the new code's line")


# Rolled back: what `make deploy` keeps is deployed again


@pytest.fixture(scope="session")
def rolled_back(recoded: Deployment, kept: Path) -> Deployment:
    recoded.roll_back(kept)
    return recoded


def test_a_roll_back_brings_the_code_and_the_parameters_of_before(rolled_back):
    assert rolled_back.post({"to": "919876543213", "text": "Welcome"}).status == 200
    rolled_back.eventually(lambda: rolled_back.log("accept")[-2].get("version") != "9.9.9", "the code of before")
    assert rolled_back.live("AcceptFunction")["Environment"]["Variables"]["RETENTION_DAYS"] == "60"


# Deleted


@pytest.fixture(scope="session")
def deleted(rolled_back: Deployment) -> tuple[Deployment, str]:
    table = rolled_back.physical("SmsLogTable")
    rolled_back.delete()
    return rolled_back, table


def test_the_log_outlives_the_stack_and_the_secret_does_not(deleted):
    deployment, table = deleted
    assert deployment.aws.client("dynamodb").describe_table(TableName=table)["Table"]["ItemCount"] > BATCH
    names = [one["Name"] for one in deployment.aws.client("secretsmanager").list_secrets()["SecretList"]]
    assert f"{STACK}/{ACCOUNT}" not in names

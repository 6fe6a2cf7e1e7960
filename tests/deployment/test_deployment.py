"""The life of a stack as docs/deploy.md tells it, in the order of this file.

Made by `make deploy`, used, changed in a parameter, changed in its code, rolled back, given what a company asks for,
deleted.
"""

from __future__ import annotations

import pytest

from tests.deployment import page
from tests.deployment.conftest import ACCOUNT, STACK, Deployment

BATCH = 120  # two chunks


# Made, guided


@pytest.fixture(scope="session")
def created(deployment: Deployment) -> tuple[Deployment, str]:
    return deployment, deployment.make("deploy")


@pytest.fixture(scope="session")
def made(created: tuple[Deployment, str]) -> Deployment:
    return created[0]


def test_the_page_has_each_question_that_is_asked_and_no_other(made):
    assert page.questions() == set(page.ROWS) == made.reader.asked


def test_the_stack_is_made_with_all_that_a_user_is_told(made):
    assert [one["StackStatus"] for one in made.stacks()] == ["CREATE_COMPLETE"]
    assert made.outputs["Account"] == ACCOUNT
    assert made.outputs["Endpoint"].endswith("/sms")


def test_it_ends_with_what_is_left_to_do(created):
    deployment, said = created
    assert "1. Fill in the secret's customerId, email, password:" in said
    assert deployment.outputs["SecretLink"] in said
    assert f"scripts/bridge --stack {STACK} smoke" in said
    assert deployment.secret["apiKey"] not in said


def test_the_secret_has_placeholders_and_a_key_that_fits_into_a_header(made):
    assert made.secret["apiKey"].isalnum()
    assert len(made.secret["apiKey"]) == 40
    assert [name for name, value in made.secret.items() if value == "REPLACE_ME"] == [
        *("customerId", "email", "password")
    ]


def test_before_the_secret_is_filled_in_the_answer_names_the_field(made):
    answer = made.post({"to": "919876543210", "text": "Welcome"})
    assert answer.status == 503
    assert "customerId" in answer.body["error"]


# Used


@pytest.fixture(scope="session")
def used(made: Deployment) -> Deployment:
    made.fill_in_the_secret()
    # A secret that was read is kept for five minutes; a wrong key has it read again at once.
    assert made.post({"to": "919876543210", "text": "Welcome"}, **{"x-api-key": "wrong"}).status == 401
    return made


def test_the_smoke_test_takes_a_message_through_the_whole_stack_with_the_deployers_rights(used):
    said = used.run("scripts/bridge", "--stack", STACK, "smoke")
    assert "FAILED" not in said
    assert "log of smoke-" in said


def test_one_message_is_sent_and_logged(used):
    used.eventually(lambda: used.post({"to": "919876543210", "text": "Welcome"}).status == 200, "the secret is read")
    (row,) = [one for one in used.rows() if one["recipient"] == "+919876543210" and one["account"] == ACCOUNT]
    assert row["status"] == "sent"
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
    used.configure(RetentionDays="60")
    used.make("deploy")
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
def recoded(changed: tuple[Deployment, dict[str, int], dict[str, str]]) -> Deployment:
    deployment, _, _ = changed
    (deployment.project / "functions/bridge/VERSION").write_text("9.9.9\n")
    deployment.make("deploy")
    return deployment


def test_changed_code_answers_after_the_deployment(recoded):
    assert recoded.post({"to": "919876543212", "text": "Welcome"}).status == 200
    recoded.eventually(lambda: recoded.log("accept")[-2].get("version") == "9.9.9", "the new code's line")


# Rolled back: what `make deploy` kept is deployed again


@pytest.fixture(scope="session")
def rolled_back(recoded: Deployment) -> Deployment:
    recoded.make("rollback")
    return recoded


def test_a_roll_back_brings_the_code_and_the_parameters_of_before(rolled_back):
    assert rolled_back.post({"to": "919876543213", "text": "Welcome"}).status == 200
    rolled_back.eventually(lambda: rolled_back.log("accept")[-2].get("version") != "9.9.9", "the code of before")
    assert rolled_back.live("AcceptFunction")["Environment"]["Variables"]["RETENTION_DAYS"] == "60"


# What a company asks for (docs/companies.md)


@pytest.fixture(scope="session")
def companys(rolled_back: Deployment) -> Deployment:
    rolled_back.configure(**rolled_back.company())
    rolled_back.make("deploy")
    return rolled_back


def test_all_that_holds_data_is_encrypted_with_the_companys_key(companys):
    assert set(companys.keys().values()) == {companys.parameters["KmsKeyArn"]}


def test_a_role_gets_what_the_network_and_the_key_need(companys):
    attached = companys.aws.client("iam").list_attached_role_policies(RoleName=companys.physical("AcceptRole"))
    policies = {one["PolicyArn"] for one in attached["AttachedPolicies"]}
    assert policies == {companys.physical("NetworkPolicy"), companys.physical("KeyPolicy")}


def test_within_the_boundary_that_the_page_describes_a_message_is_sent_and_within_a_narrower_one_none_is(companys):
    companys.bound(companys.parameters["PermissionsBoundary"])
    assert companys.post({"to": "919876543214", "text": "Welcome"}).body["status"] == "sent"
    companys.bound(companys.policy("without-a-log", "sqs", "secretsmanager", "logs"))
    assert companys.post({"to": "919876543215", "text": "Welcome"}).body["status"] == "queued"


# Deleted


@pytest.fixture(scope="session")
def deleted(companys: Deployment) -> tuple[Deployment, str]:
    table = companys.physical("SmsLogTable")
    companys.delete()
    return companys, table


def test_the_log_outlives_the_stack_and_the_secret_does_not(deleted):
    deployment, table = deleted
    assert deployment.aws.client("dynamodb").describe_table(TableName=table)["Table"]["ItemCount"] > BATCH
    names = [one["Name"] for one in deployment.aws.client("secretsmanager").list_secrets()["SecretList"]]
    assert f"{STACK}/{ACCOUNT}" not in names

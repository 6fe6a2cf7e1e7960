"""`make form`: CleverTap's form, filled in from a deployed stack."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import Stubber

from scripts import clevertap_form
from scripts.clevertap_form import FormError, form, read_account, read_outputs

OUTPUTS = {
    "Endpoint": "https://abc123.execute-api.ap-south-1.amazonaws.com/sms",
    "Account": "6K9-XXX-XX7Z",
    "SecretLink": "https://ap-south-1.console.aws.amazon.com/secretsmanager/secret?name=sms%2F6K9-XXX-XX7Z&region=ap-south-1",
}
SECRET = {
    "customerId": "C-1",
    "email": "dev@example.com",
    "password": "the-password",
    "apiKey": "the-api-key",
    "receiptKey": "the-receipt-key",
    "callbackUrl": "https://in1.cb.wzrkt.com/sms/generic?account=6K9-XXX-XX7Z",
}


def client(service):
    return boto3.client(service, region_name="ap-south-1", aws_access_key_id="x", aws_secret_access_key="x")


def deployed(secret, account=None):
    secrets = client("secretsmanager")
    with Stubber(secrets) as stub:
        name = f"sms/{account or '6K9-XXX-XX7Z'}"
        stub.add_response("get_secret_value", {"SecretString": json.dumps(secret)}, {"SecretId": name})
        return read_account(secrets, "sms", account, OUTPUTS)


def test_the_form_holds_what_clevertap_asks_for():
    text = form(deployed(SECRET), show_keys=True)
    assert OUTPUTS["Endpoint"] in text
    assert "account: 6K9-XXX-XX7Z" in text
    assert "x-api-key: the-api-key" in text
    assert clevertap_form.PAYLOAD in text
    assert "/receipts/6K9-XXX-XX7Z/the-receipt-key" in text


def test_keys_are_shown_only_when_asked_for_and_the_password_never():
    assert "the-password" not in form(deployed(SECRET), show_keys=True)
    hidden = form(deployed(SECRET), show_keys=False)
    assert [value for value in ("the-api-key", "the-receipt-key", "the-password") if value in hidden] == []


def test_what_the_secret_still_lacks_is_said_with_the_link_to_it():
    secret = {"apiKey": "k", "customerId": "C-1", "email": "REPLACE_ME", "password": "REPLACE_ME"}
    text = form(deployed(secret), show_keys=False)
    assert "before the secret has its email, password:" in text
    assert OUTPUTS["SecretLink"] in text
    assert "callbackUrl" in text
    assert "receiptKey" in text
    assert "openssl rand -hex 24" in text, "it stands in a path: not any text will do"


@pytest.mark.parametrize(
    "secret",
    [
        {"apiKey": "k", "customerId": "C-1", "email": "REPLACE_ME", "password": "REPLACE_ME", "authToken": "t"},
        {"apiKey": "k", "sandbox": True},
        {"apiKey": "k", "sandbox": "yes", "customerId": "REPLACE_ME"},
    ],
)
def test_what_an_account_can_do_without_is_not_called_missing(secret):
    assert deployed(secret).missing == []
    assert "Nothing is sent before" not in form(deployed(secret), show_keys=False)


def test_a_secret_made_by_hand_may_lack_even_its_key():
    text = form(deployed({"customerId": "C-1", "email": "e", "password": "p"}), show_keys=True)
    assert "before the secret has its apiKey:" in text


@pytest.mark.parametrize("secret", [[], "text", None])
def test_a_secret_that_is_no_object_is_said_to_be_none(secret):
    with pytest.raises(FormError, match="not a JSON object"):
        deployed(secret)


def test_another_account_of_the_stack_has_its_own_form():
    text = form(deployed({"apiKey": "k"}, account="OTHER-1"), show_keys=False)
    assert "account: OTHER-1" in text
    assert "name=sms%2FOTHER-1&" in text


def test_an_account_without_a_secret_is_an_error_that_says_so():
    secrets = client("secretsmanager")
    with Stubber(secrets) as stub:
        stub.add_client_error("get_secret_value", "ResourceNotFoundException")
        with pytest.raises(FormError, match="no secret sms/OTHER-1"):
            read_account(secrets, "sms", "OTHER-1", OUTPUTS)


def test_a_stack_that_is_not_there_is_an_error_that_says_so():
    stacks = client("cloudformation")
    with Stubber(stacks) as stub:
        stub.add_client_error("describe_stacks", "ValidationError", "Stack with id sms does not exist")
        with pytest.raises(FormError, match="no stack sms"):
            read_outputs(stacks, "sms")


def test_another_stack_is_an_error_that_says_so():
    with pytest.raises(FormError, match="another stack"):
        read_account(client("secretsmanager"), "other", None, {})


def test_the_payload_is_the_one_the_readme_tells_to_paste(request):
    assert clevertap_form.PAYLOAD in (request.config.rootpath / "README.md").read_text()

"""The account's secret cannot be read, is gone, or is wrong: CleverTap is told, and campaigns wait."""

from __future__ import annotations

import json

import pytest

from bridge.operations.rotate_key import rotate
from tests.faults.aws_proxy import fail, lose_call, refuse
from tests.faults.world import API_KEY

READ = "GetSecretValue"

WITHOUT_PASSWORD = {"customerId": "C-LOCAL", "email": "dev@example.com", "apiKey": API_KEY}
MALFORMED = {
    "no JSON": "customerId=C-LOCAL",
    "an array": "[]",
    "no password": json.dumps(WITHOUT_PASSWORD),
    "a placeholder": json.dumps({**WITHOUT_PASSWORD, "password": "REPLACE_ME"}),
}


def waits(world):
    """Whether what was queued has been looked at and put back."""
    goal = len(world.proxy.delays) + 2
    return lambda: len(world.proxy.delays) >= goal


@pytest.mark.fault("secret-unreachable")
@pytest.mark.parametrize("harm", [fail, lose_call, refuse])
def test_while_secrets_manager_is_unreachable_new_workers_refuse_requests_and_keep_campaigns(world, harm):
    world.campaign(100)
    world.new_workers()
    with world.proxy.harming(READ, harm), world.polling():
        assert world.post(world.messages(10))[0] == 503
        world.wait_until(waits(world))
        assert world.sent() == 0
    world.new_workers()
    world.drain()
    assert world.sent() == 100
    world.judge("Secrets Manager unreachable")


@pytest.mark.fault("secret-unreachable")
def test_workers_that_know_the_secret_go_on_while_secrets_manager_is_unreachable(world):
    world.campaign(100)
    world.drain()
    with world.proxy.harming(READ, fail):
        world.campaign(100)
        world.drain()
    assert world.sent() == 200
    world.judge("Secrets Manager unreachable")


@pytest.mark.fault("secret-deleted")
def test_a_deleted_secret_refuses_requests_and_keeps_campaigns_until_it_is_restored(world):
    world.campaign(100)
    world.secrets.delete_secret(SecretId=world.secret_name)
    world.new_workers()
    with world.polling():
        assert world.post(world.messages(10))[0] == 401
        world.wait_until(waits(world))
    assert world.sent() == 0
    world.secrets.restore_secret(SecretId=world.secret_name)
    world.new_workers()
    world.drain()
    assert world.sent() == 100
    world.judge("secret deleted, then restored")


@pytest.mark.fault("secret-malformed")
@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_secret_refuses_requests_and_keeps_campaigns_until_it_is_mended(world, text):
    world.campaign(50)
    world.write_secret(text)
    world.new_workers()
    with world.polling():
        assert world.post(world.messages(10))[0] == 503, "CleverTap's key was right before the edit"
        world.wait_until(waits(world))
    assert world.sent() == 0
    world.change_secret()
    world.new_workers()
    world.drain()
    assert world.sent() == 50
    world.judge("secret malformed, then fixed")


@pytest.mark.fault("secret-malformed")
def test_a_pasted_token_that_no_header_can_carry_keeps_campaigns_until_it_is_mended(world):
    world.campaign(50)
    world.change_secret(authToken="\N{LEFT DOUBLE QUOTATION MARK}eyJhbGciOi\N{RIGHT DOUBLE QUOTATION MARK}")
    world.new_workers()
    with world.polling():
        world.wait_until(waits(world))
    assert world.sent() == 0
    world.change_secret()
    world.new_workers()
    world.drain()
    world.judge("secret malformed, then fixed")
    assert world.sent() == 50


@pytest.mark.fault("key-rotated")
def test_a_key_rotated_in_the_middle_of_a_batch_loses_nothing_though_clevertap_still_has_the_old_one(world):
    """CleverTap gives up on a message that is answered 401, and is told the new key only later."""
    world.campaign(300)
    with world.polling():
        world.wait_until(lambda: world.sent() > 0)
        rotated = rotate(world.secrets, world.secret_name, "apiKey")
        world.campaign(200)
    world.new_workers()  # some remember the secret as it was before, these do not
    world.campaign(200)
    world.drain()
    assert world.sent() == 700
    assert rotated.key != API_KEY
    world.judge("key rotated in the middle of a batch")

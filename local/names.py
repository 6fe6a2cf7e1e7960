"""What is called how on this machine: the AWS account that moto plays, and the stack in it."""

from __future__ import annotations

STACK_NAME = "local"
ACCOUNT = "LOCAL-ACCOUNT"
ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
# moto takes any. Fixed ones, so that the credentials of the person who runs this are never used.
ACCESS_KEY = SECRET_KEY = "local"  # noqa: S105

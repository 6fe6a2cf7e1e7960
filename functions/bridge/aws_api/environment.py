"""Whose credentials sign AWS's calls, in which region, and where AWS's services are.

On Lambda the environment says it. Where it does not (a profile, credentials that are renewed as a container's or
SnapStart's, FIPS endpoints, rarer regions) botocore finds it. Importing that takes longer than all else at a cold
start, so it is imported only then.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from bridge.aws_api.signing import AwsCredentials

if TYPE_CHECKING:
    from collections.abc import Callable

# The regions of AWS's main partition, where each service is at a name of one form.
_MAIN_REGION = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+")
_OTHER_ENDPOINTS = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")


def region() -> str:
    """The region.

    Raises:
        AwsUnreached: there is none.
    """
    if found := os.environ.get("AWS_DEFAULT_REGION"):
        return found
    from bridge.aws_api import botocore_settings

    return botocore_settings.region()


def endpoint(service: str, in_region: str) -> str:
    """The URL of a service, by its name in URLs."""
    variable = "SECRETS_MANAGER" if service == "secretsmanager" else service.upper()
    for name in (f"AWS_ENDPOINT_URL_{variable}", "AWS_ENDPOINT_URL"):
        if url := os.environ.get(name):
            return url
    if _MAIN_REGION.fullmatch(in_region) and not any(name in os.environ for name in _OTHER_ENDPOINTS):
        return f"https://{service}.{in_region}.amazonaws.com"
    from bridge.aws_api import botocore_settings

    return botocore_settings.endpoint(service, in_region)


def credentials() -> Callable[[], AwsCredentials]:
    """What gives the credentials of the moment.

    It may raise:
        AwsUnreached: there are none.
    """
    access_key, secret_key = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key and not os.environ.get("AWS_CREDENTIAL_EXPIRATION"):
        token = os.environ.get("AWS_SECURITY_TOKEN") or os.environ.get("AWS_SESSION_TOKEN") or None
        found = AwsCredentials(access_key, secret_key, token)
        return lambda: found
    from bridge.aws_api import botocore_settings

    return botocore_settings.credentials()

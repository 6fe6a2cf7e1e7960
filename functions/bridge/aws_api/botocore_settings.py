"""What of AWS's settings the environment does not say, as botocore finds it: slow to import, and right everywhere."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError
from botocore.regions import EndpointResolver
from botocore.session import get_session

from bridge.aws_api.signing import AwsCredentials
from bridge.errors import AwsUnreached

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def _session() -> Any:
    return get_session()


def region() -> str:
    """The region of the profile.

    Raises:
        AwsUnreached: there is none.
    """
    found: str | None = _session().get_config_variable("region")
    if not found:
        raise AwsUnreached("NoRegion")
    return found


def endpoint(service: str, in_region: str) -> str:
    """The URL of a service in any partition; FIPS or dual stack where they are wanted."""
    session = _session()
    regions: Any = EndpointResolver(session.get_component("data_loader").load_data("endpoints"))
    found = regions.construct_endpoint(
        service,
        in_region,
        use_fips_endpoint=session.get_config_variable("use_fips_endpoint"),
        use_dualstack_endpoint=session.get_config_variable("use_dualstack_endpoint"),
    )
    return f"https://{found['hostname']}"


def credentials() -> Callable[[], AwsCredentials]:
    """What gives the credentials of the moment; botocore renews them in time, and never gives halves of two.

    It may raise:
        AwsUnreached: there are none.
    """
    session = _session()

    def current() -> AwsCredentials:
        try:
            found = session.get_credentials()  # the session keeps them
            if found is None:
                raise AwsUnreached("NoCredentials")
            frozen = found.get_frozen_credentials()
        except BotoCoreError as error:
            raise AwsUnreached(type(error).__name__) from None
        return AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)

    return current

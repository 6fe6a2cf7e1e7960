"""AWS clients with timeouts that fit into CleverTap's 15 s, for the log, the queues and the accounts."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.session import get_session
from botocore.utils import get_environ_proxies

from bridge.dynamodb import DynamoDB, endpoint

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# In one region a connection takes milliseconds, and so does an answer: what takes longer will not come.
CONNECT_SECONDS = 1
READ_SECONDS = 2
CALL_SECONDS = CONNECT_SECONDS + READ_SECONDS


class Aws:
    """Makes the clients, each for a given number of threads. Credentials and region are what botocore finds."""

    def __init__(self) -> None:
        self._botocore: Any = get_session()
        self._session = Session(botocore_session=self._botocore)

    def dynamodb(self, connections: int) -> DynamoDB:
        """DynamoDB. It does not retry by itself: the log knows what may be repeated."""
        region = self._session.region_name
        url = endpoint(self._botocore, region)
        options: dict[str, Any] = {  # more than botocore's type stubs know
            "verify": self._botocore.get_config_variable("ca_bundle") or True,
            "proxies": get_environ_proxies(url),
            "timeout": (CONNECT_SECONDS, READ_SECONDS),
            "max_pool_connections": connections,
            # Else the body waits 40 ms until the other side has acknowledged the headers.
            "socket_options": [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        }
        return DynamoDB(url, region, self._botocore.get_credentials(), URLLib3Session(**options))

    def sqs(self) -> SQSClient:
        """SQS. It does not retry by itself: the queue's own rules do."""
        return self._session.client("sqs", config=_config(10, 1))

    def secrets_manager(self) -> SecretsManagerClient:
        """Secrets Manager."""
        return self._session.client("secretsmanager", config=_config(10, 2))


def _config(connections: int, attempts: int) -> Config:
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": attempts},
        # Without this botocore puts its user agent together anew for each call, a sixth of a call's CPU.
        user_agent="clevertap-message-central-bridge",
        # We write the requests ourselves and tests run them: checking each again costs a tenth of the call.
        parameter_validation=False,
    )

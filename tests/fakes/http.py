"""The HTTP session below our DynamoDB client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.awsrequest import AWSResponse

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest


@dataclass
class FakeHTTP:
    """A session that gives one answer to everything."""

    status: int = 200
    content: bytes = b"{}"
    requests: list[AWSPreparedRequest] = field(default_factory=list)

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        self.requests.append(request)
        answer = AWSResponse(request.url, self.status, {}, None)
        answer._content = self.content
        return answer

"""Links into CloudWatch's Logs Insights, with a query filled in.

Its console keeps the query in the address, in a form that AWS does not document: JSURL (https://github.com/Sage/jsurl).
An object is `~(name~value~name~value)`, a list `~(~value~value)`; a text begins with `'`, and what could mean anything
in it, or in an address, is `*` and two hexadecimal digits. That stands in a parameter of the address's fragment, whose
`?` and `=` are `$3F` and `$3D`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUEST = "REQUEST ID"
"""What stands in a query for a request's id."""
WHAT_BECAME_OF_A_REQUEST = (
    f'fields @timestamp, service, message, status, account, reason | filter @message like "{REQUEST}" | sort @timestamp'
)
"""As the template saves it under that name."""

_REQUEST_ID = re.compile(r"[\w-]+", re.ASCII)
_CONSOLE = "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:logs-insights"


@dataclass(frozen=True, slots=True)
class LogsInsights:
    """Where to ask: the region, and the log groups of all functions."""

    region: str
    groups: Sequence[str]

    def of_request(self, request_id: str, begin: str, end: str) -> str | None:
        """A link to the lines of a request between two times (`times.iso`); None: it is no id."""
        if not _REQUEST_ID.fullmatch(request_id):
            return None
        return self.link(WHAT_BECAME_OF_A_REQUEST.replace(REQUEST, request_id), begin, end)

    def link(self, query: str, begin: str, end: str) -> str:
        """A link that asks all functions' logs."""
        groups = "".join(f"~{_text(group)}" for group in self.groups)
        detail = (
            f"~(end~{_text(end)}~start~{_text(begin)}~timeType~'ABSOLUTE~tz~'UTC"
            f"~editorString~{_text(query)}~source~({groups}))"
        )
        return f"{_CONSOLE.format(region=self.region)}$3FqueryDetail$3D{detail}"


def _text(text: str) -> str:
    """A text in JSURL."""
    return "'" + re.sub(r"[^A-Za-z0-9_.-]", lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    code = ord(character)
    return "!" if character == "$" else f"*{code:02x}" if code < 0x100 else f"**{code:04x}"  # noqa: PLR2004 - two digits

"""What Lambda gives a handler beside the event."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Context:
    """The context object of Lambda's Python runtime. `deadline` is in epoch seconds."""

    aws_request_id: str
    deadline: float
    function_name: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    function_version: str = "$LATEST"
    invoked_function_arn: str = field(default_factory=lambda: os.environ["LOCAL_FUNCTION_ARN"])
    memory_limit_in_mb: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    log_group_name: str = "local"
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the worker is killed."""
        return max(0, int((self.deadline - time.time()) * 1000))

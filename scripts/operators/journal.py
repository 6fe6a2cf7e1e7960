"""The traces of what a person does from here, beside the one in the campaign's item: in the log of the function `steer`
what the same leaves there when it is done from the console, a line and a metric.

The metric is a document in CloudWatch's embedded metric format, which CloudWatch reads out of any log:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Generation_PutLogEvents.html
"""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from bridge import times
from scripts.operators.errors import CommandError

if TYPE_CHECKING:
    from bridge.operations.actions import Action
    from scripts.operators.session import Session

SERVICE = "steer"


def write_down(session: Session, action: Action) -> None:
    """Write an action down. It is done by now: where it cannot be written the person is told, and nothing else."""
    target = session.target
    if not target.has_logs:
        return
    try:
        _into_log(target.aws.client("logs"), target.resource("SteerLog"), target.stack, action)
    except (ClientError, BotoCoreError, CommandError) as error:
        session.output.remark(f"It is done, and stands with the campaign, but not in the log: {error}")


def _into_log(client: Any, group: str, namespace: str, action: Action) -> None:
    """Write an action's line and its metric into a log group, in a stream of its own; `client` is that of CloudWatch's
    logs.
    """
    now = time.time()
    stream = f"operators/{datetime.fromtimestamp(now, UTC):%Y/%m/%d}/{uuid.uuid4().hex}"
    client.create_log_stream(logGroupName=group, logStreamName=stream)
    documents = [_line(action, now), *([_metric(action, namespace, now)] if action.count else [])]
    client.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": int(now * 1_000), "message": json.dumps(document)} for document in documents],
    )


def _line(action: Action, now: float) -> dict[str, Any]:
    said = {"level": "INFO", "message": "steered", "timestamp": times.iso(now), "service": SERVICE}
    return said | action.fields()


def _metric(action: Action, namespace: str, now: float) -> dict[str, Any]:
    """By service, and by service and account, as the functions count (`bridge/telemetry.py`)."""
    metrics = {
        "Namespace": namespace,
        "Dimensions": [["service"], ["service", "account"]],
        "Metrics": [{"Name": action.metric, "Unit": "Count"}],
    }
    about = {"Timestamp": int(now * 1_000), "CloudWatchMetrics": [metrics]}
    return {"_aws": about, "service": SERVICE, "account": action.account, action.metric: action.count}

"""What must hold of the stack, as functions from the translated template to a list of what is wrong with it.

A translated template is what CloudFormation gets: SAM's shorthands written out as Lambda functions, roles, event source
mappings and so on. `problems` runs all checks. What cfn-lint, its serverless rules and checkov look for is not repeated
here: references that lead nowhere, memory and timeouts, retention of logs, throttling and access log of the API, `*` in
policies, point-in-time recovery.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from cfnlint.decode import cfn_yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from bridge.campaigns.counting import PLACE_SECONDS
from bridge.telemetry import TIME_TO_VENDOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

Template = dict[str, Any]
Resource = dict[str, Any]

CALLED_BY_PEOPLE = ("ConsoleFunction", "SteerFunction")  # who look at the answer, and can press the button again
ROUTES = {
    ("POST", "/sms"): "AcceptFunction",
    ("GET", "/receipts/{account}/{receiptKey}"): "ReceiveFunction",
    ("POST", "/receipts/{account}/{receiptKey}"): "ReceiveFunction",
}
# The stack as somebody deploys it who sets nothing, and with everything that can be set.
SETTINGS: dict[str, dict[str, str]] = {
    "nothing set": {},
    "everything set": {
        "AlarmEmail": "somebody@example.com",
        "Deployment": "Canary10Percent5Minutes",
        "DeletionProtection": "true",
        "LogLevel": "DEBUG",
        "SnapStart": "PublishedVersions",
        "AcceptReservedConcurrency": "100",
        "ReceiveReservedConcurrency": "20",
        "ReceiptsWithoutNumber": "true",
        "WarmWritesPerSecond": "8000",
        "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1,subnet-0123456789abcdef2",
        "SecurityGroupIds": "sg-0123456789abcdef0,sg-0123456789abcdef1",
        "PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
        "KmsKeyArn": "arn:aws:kms:ap-south-1:123456789012:key/0f1e2d3c-0000-4000-8000-000000000000",
    },
}
LONGEST_DESCRIPTION = 256  # of a function's version
ACCOUNTS_OF_THIS_STACK = {
    "Fn::Sub": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/*"
}
KEPT = {"UnrecognisedReceipts"}  # what a person redrives, once the code can read it
CODE_DEPLOY = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"}
# What can hold data, and where its key stands.
HOLDERS: dict[str, Callable[[Resource], Any]] = {
    "AWS::DynamoDB::Table": lambda table: table["SSESpecification"].get("KMSMasterKeyId"),
    "AWS::SQS::Queue": lambda queue: queue.get("KmsMasterKeyId"),
    "AWS::SNS::Topic": lambda topic: topic.get("KmsMasterKeyId"),
    "AWS::SecretsManager::Secret": lambda secret: secret.get("KmsKeyId"),
}
ANY_FUNCTION = {
    "ArnLike": {
        "lambda:SourceFunctionArn": {
            "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*"
        }
    }
}
NO_VALUE = {"Ref": "AWS::NoValue"}
STREAM_SECONDS = 86_400  # DynamoDB keeps a stream's records for a day
STREAMS_OF_THE_TABLE = {"Fn::Sub": "${SmsLogTable.Arn}/stream/*"}
INDEX_OF_THE_TABLE = {"Fn::Sub": "${SmsLogTable.Arn}/index/ByVerificationId"}
# Access log variables that could carry a key, a number or a text. $context.path holds the receipt key.
SECRETIVE = re.compile(
    r"\$context\.(path|identity\.userAgent|authorizer|requestOverride|customDomain)|\$input|header|query"
)


class _Region:
    """The one thing that the translator asks of a boto3 session."""

    region_name = "ap-south-1"


def translate(path: Path) -> Template:
    """The template as CloudFormation gets it."""
    source: Template = json.loads(json.dumps(cfn_yaml.load(str(path))))
    source["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # where `sam deploy` would have put it
    return Translator({}, Parser(), boto_session=_Region()).translate(source, {"AccountId": "LOCAL-ACCOUNT"})


def as_deployed(template: Template, settings: dict[str, str]) -> Template:
    """A translated template as CloudFormation reads it with these parameters: conditions decided, references left."""
    holds = conditions(template, settings)
    there = {
        key: resource for key, resource in template["Resources"].items() if holds.get(resource.get("Condition"), True)
    }
    return {**template, "Resources": _decided(there, holds), "Settings": settings}


def conditions(template: Template, settings: dict[str, str]) -> dict[str, bool]:
    """Whether each condition holds with these parameters."""
    values = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()} | settings
    return {name: _holds(test, values) for name, test in template["Conditions"].items()}


def _holds(test: Any, values: dict[str, str]) -> bool:
    ((function, parts),) = test.items()
    if function == "Fn::Equals":
        first, second = (values[part["Ref"]] if isinstance(part, dict) else str(part) for part in parts)
        return first == second
    decided = [_holds(part, values) for part in parts]
    return {"Fn::Not": not decided[0], "Fn::And": all(decided), "Fn::Or": any(decided)}[function]


def _decided(value: Any, holds: dict[str, bool]) -> Any:
    """A part of a template without `Fn::If` and without what is `AWS::NoValue`."""
    if isinstance(value, dict):
        if "Fn::If" in value:
            condition, then, otherwise = value["Fn::If"]
            return _decided(then if holds[condition] else otherwise, holds)
        decided = {key: _decided(one, holds) for key, one in value.items()}
        return {key: one for key, one in decided.items() if one != NO_VALUE}
    if isinstance(value, list):
        return [one for one in (_decided(part, holds) for part in value) if one != NO_VALUE]
    return value


def problems(template: Template) -> list[str]:
    """Everything that is wrong with the stack: as it is written, and as it is deployed with all settings."""
    found = [problem for check in _checks(written=True) for problem in _found(check, template)]
    for name, settings in SETTINGS.items():
        found += [f"{problem} ({name})" for problem in problems_of(template, settings)]
    return found


def problems_of(template: Template, settings: dict[str, str]) -> list[str]:
    """What is wrong with the stack as it is deployed with these parameters."""
    deployed = as_deployed(template, settings)
    return [problem for check in _checks(written=False) for problem in _found(check, deployed)]


def _checks(*, written: bool) -> list[Callable[[Template], Iterable[str]]]:
    """Those of the template as it is written, or as it is deployed."""
    named = [(name, check) for name, check in sorted(globals().items()) if name.startswith("check_")]
    return [check for name, check in named if name.startswith("check_written_") == written]


def _found(check: Callable[[Template], Iterable[str]], template: Template) -> list[str]:
    try:
        return list(check(template))
    except (AttributeError, KeyError, TypeError) as error:
        return [f"{check.__name__} cannot read the template: {error!r}"]


# Reading a template


def of_type(template: Template, kind: str) -> dict[str, Resource]:
    """Properties of all resources of a type, by logical id."""
    return {
        key: resource.get("Properties", {})
        for key, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def target(value: Any) -> str | None:
    """The logical id that a `Ref`, a `GetAtt` or a simple `Sub` points to."""
    if isinstance(value, dict):
        if "Ref" in value:
            return str(value["Ref"])
        if "Fn::GetAtt" in value:
            got = value["Fn::GetAtt"]
            return str(got[0] if isinstance(got, list) else got.split(".")[0])
    return None


def statements(template: Template, function: str) -> list[Resource]:
    """Every policy statement of a function's role that stands in the role."""
    return statements_of(of_type(template, "AWS::IAM::Role").get(role_of(template, function) or "", {}))


def statements_of(role: Resource) -> list[Resource]:
    """Every policy statement of a role."""
    return [one for policy in role.get("Policies", ()) for one in policy["PolicyDocument"]["Statement"]]


def role_of(template: Template, function: str) -> str | None:
    """The logical id of a function's role."""
    return target(of_type(template, "AWS::Lambda::Function").get(function, {}).get("Role"))


def listed(value: Any) -> list[Any]:
    """IAM writes one thing as itself and several as a list."""
    return value if isinstance(value, list) else [value]


def sources(template: Template) -> Iterator[tuple[str, str, Resource]]:
    """Every event source mapping: its function, what it reads, its properties."""
    for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values():
        alias = of_type(template, "AWS::Lambda::Alias")[target(mapping["FunctionName"]) or ""]
        yield target(alias["FunctionName"]) or "", target(mapping["EventSourceArn"]) or "", mapping


def alarms_on(template: Template, namespace: str, metric: str | None, dimension: str, resource: str) -> list[str]:
    """Alarms that watch a metric (None: any) of a resource."""
    return [
        key
        for key, alarm in of_type(template, "AWS::CloudWatch::Alarm").items()
        for watched in _metrics(alarm)
        if watched["Namespace"] == namespace
        and metric in (None, watched["MetricName"])
        and any(one["Name"] == dimension and target(one["Value"]) == resource for one in watched.get("Dimensions", ()))
    ]


def _metrics(alarm: Resource) -> list[Resource]:
    if "Metrics" in alarm:
        return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]
    return [alarm]


def own_metrics(template: Template) -> set[tuple[str, str | None]]:
    """(metric, service) of our own that alarms and the dashboard show; service None for those of metric filters."""
    found: set[tuple[str, str | None]] = set()
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        for metric in _metrics(alarm):
            if metric["Namespace"] == {"Ref": "AWS::StackName"}:
                services = [one["Value"] for one in metric.get("Dimensions", ()) if one["Name"] == "service"]
                found.add((metric["MetricName"], services[0] if services else None))
    for widget in dashboard(template)["widgets"]:
        for line in widget["properties"].get("metrics", ()):
            if line[0] == "${AWS::StackName}":
                found.add((line[1], line[3] if line[2:3] == ["service"] else None))
    return found


def dashboard(template: Template) -> Any:
    """The dashboard, with `${…}` left standing."""
    return json.loads(of_type(template, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"])


def logs_queries(template: Template) -> list[str]:
    """What the dashboard asks the logs."""
    asked = [widget["properties"].get("query") for widget in dashboard(template)["widgets"]]
    return [query for query in asked if query]


def searched(template: Template) -> set[str]:
    """The metrics that the dashboard shows for each account."""
    return {*re.findall(r'service,account} MetricName="(\w+)"', str(dashboard(template)))}


def watched(alarm: Resource) -> set[str]:
    """The metrics that an alarm watches."""
    return {one["MetricName"] for one in _metrics(alarm)}


# What must hold: functions


def check_logs(template: Template) -> Iterator[str]:
    """Every function writes JSON into a log group of its own, and may write into no other."""
    groups = of_type(template, "AWS::Logs::LogGroup")
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        logging = function.get("LoggingConfig", {})
        group = target(logging.get("LogGroup"))
        if group not in groups:
            yield f"{name} has no log group"
        if logging.get("LogFormat") != "JSON" or logging.get("ApplicationLogLevel") != {"Ref": "LogLevel"}:
            yield f"{name} does not log JSON at LogLevel"
        allowed = statements(template, name)
        writable = [one["Resource"] for one in allowed if "logs:PutLogEvents" in listed(one["Action"])]
        if writable != [{"Fn::GetAtt": [group, "Arn"]}]:
            yield f"{name} may not write its log, or another one"


def check_written_versions(template: Template) -> Iterator[str]:
    """A changed parameter of a function publishes a version (see the template's Globals).

    Not more than those parameters: Lambda publishes no version of a function that is the same as before.
    """
    versions = {target(one["FunctionName"]): one for one in of_type(template, "AWS::Lambda::Version").values()}
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        kept = ("Environment", "Architectures", "SnapStart", "LoggingConfig", "MemorySize", "Timeout", "VpcConfig")
        used = {ref for key in kept for ref in _references(function.get(key)) if ref in template["Parameters"]}
        description = versions[name].get("Description", {}).get("Fn::Sub", "")
        if set(re.findall(r"\$\{(\w+)\}", description)) != used:
            yield f"VersionDescription of {name} does not name exactly {sorted(used)}"
        if len(_longest(description, template["Parameters"])) > LONGEST_DESCRIPTION:
            yield f"VersionDescription of {name} can become too long"


def _longest(description: str, parameters: dict[str, Any]) -> str:
    """A version's description with the longest values that the parameters take."""

    def value(match: re.Match[str]) -> str:
        parameter = parameters[match[1]]
        given = [str(one) for one in parameter.get("AllowedValues", ())]
        return max(given, key=len) if given else "x" * parameter.get("MaxLength", len(str(parameter.get("MaxValue"))))

    return re.sub(r"\$\{(\w+)\}", value, description)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("Ref"), str):
            yield value["Ref"]
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def check_written_snapshots(template: Template) -> Iterator[str]:
    """A function that may start from snapshots keeps no old version: the snapshot of each is paid for
    (https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html).
    """
    versions = [one for one in template["Resources"].values() if one["Type"] == "AWS::Lambda::Version"]
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        kept = [one for one in versions if target(one["Properties"]["FunctionName"]) == name]
        if "SnapStart" in function and [one.get("DeletionPolicy") for one in kept] != ["Delete"]:
            yield f"old versions of {name} stay, and their snapshots are paid for"


def check_lifetimes(template: Template) -> Iterator[str]:
    """The durations that follow from a function's Timeout do."""
    functions = of_type(template, "AWS::Lambda::Function")
    lifetime = str(functions["DispatchFunction"]["Timeout"])
    for name, function in functions.items():
        if function["Environment"]["Variables"].get("WORKER_LIFETIME_SECONDS", lifetime) != lifetime:
            yield f"WORKER_LIFETIME_SECONDS of {name} is not DispatchFunction's Timeout"
    if functions["AcceptFunction"]["Timeout"] >= 15:
        yield "AcceptFunction may take longer than CleverTap waits"
    for function, queue, _ in _queue_sources(template):
        if of_type(template, "AWS::SQS::Queue")[queue]["VisibilityTimeout"] < 6 * functions[function]["Timeout"]:
            yield f"{queue} is visible again before {function} is surely done"


def check_loops(template: Template) -> Iterator[str]:
    """A function that writes to the queue it reads is not stopped as a runaway loop."""
    for function, queue, _ in _queue_sources(template):
        writes = any(
            "sqs:SendMessage" in listed(one["Action"]) and queue in map(target, listed(one["Resource"]))
            for one in statements(template, function)
        )
        if writes and of_type(template, "AWS::Lambda::Function")[function].get("RecursiveLoop") != "Allow":
            yield f"Lambda would stop {function} after 16 rounds of {queue}"


def _queue_sources(template: Template) -> Iterable[tuple[str, str, Resource]]:
    queues = of_type(template, "AWS::SQS::Queue")
    return ((function, queue, mapping) for function, queue, mapping in sources(template) if queue in queues)


# What must hold: the HTTP API


def check_routes(template: Template) -> Iterator[str]:
    """The API has the design's routes and no other."""
    found = {}
    for path, methods in of_type(template, "AWS::ApiGatewayV2::Api")["HttpApi"]["Body"]["paths"].items():
        for method, route in methods.items():
            integration = route["x-amazon-apigateway-integration"]
            alias = re.search(r"functions/\$\{(\w+)Aliaslive\}", integration["uri"]["Fn::Sub"])
            found[method.upper(), path] = alias[1] if alias else None
            if integration["payloadFormatVersion"] != "2.0":
                yield f"{method} {path} does not get payload 2.0"
    if found != ROUTES:
        yield f"the routes are {found}"


def check_access_log(template: Template) -> Iterator[str]:
    """The API's log has what the metric filters read, and tells neither keys nor numbers."""
    for stage in of_type(template, "AWS::ApiGatewayV2::Stage").values():
        fields = json.loads(stage["AccessLogSettings"]["Format"])
        if not {"route", "status"} <= fields.keys():
            yield "the access log lacks the fields that the metric filters read"
        yield from (f"the access log tells {value}" for value in fields.values() if SECRETIVE.search(value))


def check_receipts_leave_room(template: Template) -> Iterator[str]:
    """Receipts, from anybody, cannot take all that the API lets in; the limits are numbers (see the template)."""
    most = template["Parameters"]["RequestsPerSecond"]["Default"]
    receipts = {f"{method} {path}" for (method, path), function in ROUTES.items() if function == "ReceiveFunction"}
    for stage in of_type(template, "AWS::ApiGatewayV2::Stage").values():
        limited = stage["RouteSettings"]
        if set(limited) != receipts:
            yield f"the routes with a limit of their own are {sorted(limited)}"
        for route, limit in limited.items():
            if not limit["ThrottlingBurstLimit"] <= limit["ThrottlingRateLimit"] <= most / 2:
                yield f"{route} may take most of what the API lets in"


# What must hold: nothing is lost


def check_dead_letters(template: Template) -> Iterator[str]:
    """What a function cannot do ends in a queue."""
    queues = of_type(template, "AWS::SQS::Queue")
    for function, source, mapping in sources(template):
        if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", ()):
            yield f"one failure of {function} fails all of its batch"
        if source in queues and not 3 <= queues[source].get("RedrivePolicy", {}).get("maxReceiveCount", 0) <= 10:
            yield f"{source} gives up too soon or too late"
        if _end(queues, source, mapping) not in queues:
            yield f"{source} has no dead letters"
    for name in of_type(template, "AWS::Lambda::Function"):
        if name in CALLED_BY_PEOPLE:
            continue
        written = [queue for one in statements(template, name) for queue in map(target, listed(one["Resource"]))]
        if not any(queue in queues for queue in written):
            yield f"{name} has no queue to put aside what it cannot do"


def check_dead_letters_are_watched(template: Template) -> Iterator[str]:
    """A queue that no function reads is somebody's dead letters, or kept for a person, and has an alarm."""
    queues = of_type(template, "AWS::SQS::Queue")
    ends = {_end(queues, source, mapping) for _, source, mapping in sources(template)}
    for name in queues.keys() - {queue for _, queue, _ in sources(template)}:
        if name not in ends | KEPT:
            yield f"{name} is read by nobody"
        if not alarms_on(template, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name):
            yield f"{name} has no alarm"


def _end(queues: dict[str, Resource], source: str, mapping: Resource) -> str | None:
    """Where that ends what fails again and again."""
    if source in queues:
        return target(queues[source].get("RedrivePolicy", {}).get("deadLetterTargetArn"))
    return target(mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))


def check_retention(template: Template) -> Iterator[str]:
    """A dead letter outlives what it was; a chunk outlives its validity."""
    queues = of_type(template, "AWS::SQS::Queue")
    for name, queue in queues.items():
        dead = target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        if dead in queues and queues[dead].get("MessageRetentionPeriod", 0) <= queue.get("MessageRetentionPeriod", 0):
            yield f"{dead} forgets sooner than {name}"
    longest_validity = template["Parameters"]["MessageValidityHours"]["MaxValue"] * 3600
    if queues["DispatchQueue"]["MessageRetentionPeriod"] <= longest_validity:
        yield "DispatchQueue forgets chunks that are still valid"


STREAM_READERS: dict[str, tuple[Resource, float]] = {
    "ReportFunction": (
        {
            "eventName": ["INSERT", "MODIFY"],
            "dynamodb": {
                "NewImage": {
                    "report": {"BOOL": [True]},
                    "status": {"S": ["rejected", "expired", "cancelled", "delivered", "undelivered"]},
                }
            },
        },
        STREAM_SECONDS / 2,  # so that what its failures point to can still be read
    ),
    "CountFunction": ({"eventName": ["INSERT", "MODIFY"]}, PLACE_SECONDS - 2 * 3_600),
}
"""What each reader of the stream hears of, and how old it may be at most."""


def check_stream(template: Template) -> Iterator[str]:
    """report hears of messages that became final and are to be reported, count of all changes, and each gives up late
    enough, and before the stream forgets.
    """
    for function, source, mapping in sources(template):
        if source != "SmsLogTable":
            continue
        wanted, oldest = STREAM_READERS[function]
        patterns = [json.loads(one["Pattern"]) for one in mapping.get("FilterCriteria", {}).get("Filters", ())]
        if patterns != [wanted]:
            yield f"the stream's filter of {function} is {patterns}"
        if not mapping.get("BisectBatchOnFunctionError"):
            yield f"one bad record would hold up its neighbours at {function}"
        if not 3_600 <= mapping.get("MaximumRecordAgeInSeconds", 0) <= min(oldest, STREAM_SECONDS - 3_600):
            yield f"{function} gives up too soon, or too late"


def check_counting(template: Template) -> Iterator[str]:
    """count learns the shard, and has its records in their order."""
    [counting] = [mapping for function, _, mapping in sources(template) if function == "CountFunction"]
    if not counting.get("TumblingWindowInSeconds"):
        yield "count does not learn the shard: its source has no tumbling window"
    if counting.get("ParallelizationFactor", 1) != 1:
        yield "count has the records of a shard in no order"


# What must hold: data at rest


def check_tables(template: Template) -> Iterator[str]:
    """Tables survive the stack but not its failed creation, are encrypted, and forget; the log has a stream."""
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        resource = template["Resources"][name]
        if (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) != ("RetainExceptOnCreate", "Retain"):
            yield f"{name} goes with the stack, or stays when it could not be created"
        if table.get("DeletionProtectionEnabled") != {"Ref": "DeletionProtection"}:
            yield f"{name} cannot be protected"
        if not table.get("SSESpecification", {}).get("SSEEnabled"):
            yield f"{name} is not encrypted with a key of this account"
        if table.get("TimeToLiveSpecification") != {"AttributeName": "expiresAt", "Enabled": True}:
            yield f"{name} forgets nothing"
    log = of_type(template, "AWS::DynamoDB::Table")["SmsLogTable"]
    if log.get("StreamSpecification") != {"StreamViewType": "NEW_AND_OLD_IMAGES"}:
        yield "SmsLogTable has no stream"


def check_queues(template: Template) -> Iterator[str]:
    """Texts and numbers in queues are encrypted."""
    queues = of_type(template, "AWS::SQS::Queue")
    for name, queue in queues.items():
        if bool(queue.get("SqsManagedSseEnabled")) == bool(queue.get("KmsMasterKeyId")):
            yield f"{name} is not encrypted, or with two keys"


def check_secret(template: Template) -> Iterator[str]:
    """The secret has placeholders, a generated key, and survives a change of AccountId."""
    secret = template["Resources"]["AccountSecret"]
    generated = secret["Properties"].get("GenerateSecretString", {})
    fields = json.loads(generated.get("SecretStringTemplate", "{}"))
    if {key for key, value in fields.items() if value == "REPLACE_ME"} != {"customerId", "email", "password"}:
        yield f"a new secret holds {fields}"
    if generated.get("GenerateStringKey") != "apiKey" or not generated.get("ExcludePunctuation"):
        yield "the stack makes no apiKey that can be pasted into a header"
    if secret.get("UpdateReplacePolicy") != "Retain":
        yield "a change of AccountId destroys the credentials"
    if not isinstance(generated.get("SecretStringTemplate"), str):
        yield "a parameter in the secret's template would make it anew, over what was filled in"


# What must hold: who may do what


def check_policies(template: Template) -> Iterator[str]:
    """No permission reaches beyond this stack's own resources, and each says what it is for."""
    known = (ACCOUNTS_OF_THIS_STACK, STREAMS_OF_THE_TABLE, INDEX_OF_THE_TABLE)
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for one in statements_of(role):
            if "Sid" not in one or one["Effect"] != "Allow":
                yield f"a statement of {name} does not say what it allows: {one}"
            for resource in listed(one["Resource"]):
                is_ours = "Fn::GetAtt" in resource and target(resource) in template["Resources"]
                if not is_ours and resource not in known:
                    yield f"{name} may reach {resource}"


def check_managed_policies(template: Template) -> Iterator[str]:
    """A function's role has the managed policies of this stack and no other; CodeDeploy's has AWS's for it."""
    ours = [{"Ref": name} for name in of_type(template, "AWS::IAM::ManagedPolicy")]
    of_functions = {role_of(template, name) for name in of_type(template, "AWS::Lambda::Function")}
    for name, role in of_type(template, "AWS::IAM::Role").items():
        managed = role.get("ManagedPolicyArns", [])
        if managed != (ours if name in of_functions else [CODE_DEPLOY]):
            yield f"{name} has the managed policies {managed}"


def check_boundary(template: Template) -> Iterator[str]:
    """Every role stays within the boundary, where there is one."""
    wanted = {"Ref": "PermissionsBoundary"} if _is_set(template, "PermissionsBoundary") else None
    for name, role in of_type(template, "AWS::IAM::Role").items():
        if role.get("PermissionsBoundary") != wanted:
            yield f"{name} has the boundary {role.get('PermissionsBoundary')}"


def check_network(template: Template) -> Iterator[str]:
    """Every function is in the network that was named, or none is; only Lambda may use what that takes."""
    is_set = _is_set(template, "SubnetIds")
    parts = ("SubnetIds", "SecurityGroupIds")
    wanted = {part: {"Fn::Split": [",", {"Ref": part}]} for part in parts} if is_set else None
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        if function.get("VpcConfig") != wanted:
            yield f"{name} is in the network {function.get('VpcConfig')}"
    policies = of_type(template, "AWS::IAM::ManagedPolicy")
    if ("NetworkPolicy" in policies) != is_set:
        yield "there is a policy without a network, or a network without one"
    for policy in (one for name, one in policies.items() if name == "NetworkPolicy"):
        allowed, denied = policy["PolicyDocument"]["Statement"]
        if not all(action.startswith("ec2:") and "*" not in action for action in allowed["Action"]):
            yield f"Lambda may do {allowed['Action']}"
        # Any function that has the role, whatever it is called: a long stack's name does not fit into a function's.
        if (denied["Effect"], denied["Action"]) != ("Deny", "ec2:*") or denied.get("Condition") != ANY_FUNCTION:
            yield "the functions' code may do in the network what only Lambda has to do"


def check_key(template: Template) -> Iterator[str]:
    """All that holds data is encrypted with the key that was named, which functions may use through its holders."""
    is_set = _is_set(template, "KmsKeyArn")
    for kind, key_of in HOLDERS.items():
        for name, properties in of_type(template, kind).items():
            if key_of(properties) != ({"Ref": "KmsKeyArn"} if is_set else None):
                yield f"{name} is encrypted with the key {key_of(properties)}"
    policies = of_type(template, "AWS::IAM::ManagedPolicy")
    if ("KeyPolicy" in policies) != is_set:
        yield "there is a policy without a key, or a key without one"
    for policy in (one for name, one in policies.items() if name == "KeyPolicy"):
        (statement,) = policy["PolicyDocument"]["Statement"]
        through = [one["Fn::Sub"].split(".")[0] for one in statement["Condition"]["StringEquals"]["kms:ViaService"]]
        if statement["Resource"] != {"Ref": "KmsKeyArn"} or through != ["dynamodb", "secretsmanager", "sqs"]:
            yield f"functions may use {statement['Resource']} through {through}"


def check_warm_throughput(template: Template) -> Iterator[str]:
    """The log is ready for as many writes as were asked for, and so is its index, which would hold it up."""
    wanted = (
        {"WriteUnitsPerSecond": {"Ref": "WarmWritesPerSecond"}} if _is_set(template, "WarmWritesPerSecond") else None
    )
    table = of_type(template, "AWS::DynamoDB::Table")["SmsLogTable"]
    for part in (table, *table.get("GlobalSecondaryIndexes", ())):
        if part.get("WarmThroughput") != wanted:
            yield f"{part.get('IndexName', 'SmsLogTable')} is ready for {part.get('WarmThroughput')}"


def _is_set(template: Template, parameter: str) -> bool:
    """Whether a deployed template was deployed with a value of a parameter that is empty by default."""
    return bool(template["Settings"].get(parameter))


# What must hold: somebody is told


def check_alarms(template: Template) -> Iterator[str]:
    """Each alarm reaches the topic, bears its name, and says what to do; CloudWatch takes it. Each function has one."""
    for key, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        if alarm.get("AlarmName") != {"Fn::Sub": f"${{AWS::StackName}}-{key.removesuffix('Alarm')}"}:
            yield f"{key} is called {alarm.get('AlarmName')}"
        if [alarm.get("AlarmActions"), alarm.get("OKActions")] != [[{"Ref": "AlarmTopic"}]] * 2:
            yield f"{key} tells nobody"
        if not 80 <= len(alarm.get("AlarmDescription", "")) <= 1024:
            yield f"{key} does not say what to do"
        if alarm.get("TreatMissingData") != "notBreaching":
            yield f"{key} goes on when nothing happens"
        if len(_metrics(alarm)) > 10:
            yield f"{key} watches too many metrics"
    for name in of_type(template, "AWS::Lambda::Function"):
        if not alarms_on(template, "AWS/Lambda", None, "FunctionName", name):
            yield f"{name} has no alarm"


def check_server_errors(template: Template) -> Iterator[str]:
    """A 5xx of each route is counted by the access log, and has an alarm: to Lambda neither a 503 of the code's nor a
    call that was throttled is an error.
    """
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    watched = {metric["MetricName"] for alarm in alarms for metric in _metrics(alarm)}
    for method, path in ROUTES:
        counted = {
            one["MetricTransformations"][0]["MetricName"]
            for one in of_type(template, "AWS::Logs::MetricFilter").values()
            if _counts(one["FilterPattern"], route=f"{method} {path}", status="503")
        }
        if not counted & watched:
            yield f"nobody is told of a 5xx of {method} {path}"


def _counts(pattern: str, **line: str) -> bool:
    """Whether a metric filter counts a line of the access log."""
    wanted: dict[str, str] = dict(re.findall(r'\$\.(\w+) = "([^"]+)"', pattern))
    return all(fnmatchcase(line[name], value) for name, value in wanted.items())


def check_own_metrics(template: Template) -> Iterator[str]:
    """Metrics without a function are made by metric filters, or are those of the stack as a whole."""
    made = {
        one["MetricTransformations"][0]["MetricName"] for one in of_type(template, "AWS::Logs::MetricFilter").values()
    }
    shown = {name for name, service in own_metrics(template) if service is None}
    yield from (f"nobody counts {name}" for name in shown - made - {*TIME_TO_VENDOR.values()})


def check_written_gradual_deployment(template: Template) -> Iterator[str]:
    """A gradual deployment of any function rolls back on an alarm; one at once is never held up by one."""
    groups = of_type(template, "AWS::CodeDeploy::DeploymentGroup")
    for name in of_type(template, "AWS::Lambda::Function"):
        alarms = groups[f"{name}DeploymentGroup"].get("AlarmConfiguration", {})
        condition = alarms.get("Fn::If", [None, {}, None])
        watched = [target(one["Name"]) for one in condition[1].get("Alarms", ())]
        if condition[0] != "IsGradual" or condition[2] != {} or not watched:
            yield f"{name} is not rolled back on an alarm"
        yield from (f"{name} watches no alarm {one}" for one in watched if one not in template["Resources"])


def check_dashboard(template: Template) -> Iterator[str]:
    """The dashboard shows all alarms, asks the logs for nobody's number, and is one for each region of an account."""
    body = dashboard(template)
    name = of_type(template, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardName"]
    if name != {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}:
        yield "a stack of this name in another region could not make its dashboard"
    text = json.dumps(body)
    alarms = {key for key in of_type(template, "AWS::CloudWatch::Alarm") if f"${{{key}.Arn}}" in text}
    yield from (f"the dashboard lacks {key}" for key in of_type(template, "AWS::CloudWatch::Alarm").keys() - alarms)
    for widget in body["widgets"]:
        for word in ("recipient", "text", "mobile", "messageId"):
            if re.search(rf"\b{word}\b", widget["properties"].get("query", "")):
                yield f"the dashboard shows {word}"


def check_widget(template: Template) -> Iterator[str]:
    """The dashboard begins with the operators' page, which is given both of its functions by their aliases."""
    first, *others = [one for one in dashboard(template)["widgets"] if one["type"] != "text"]
    console, steer = "${ConsoleFunctionAliaslive}", "${SteerFunctionAliaslive}"
    if first["type"] != "custom" or first["properties"]["endpoint"] != console:
        yield "the dashboard's first row is not the operators' page"
    if first["properties"].get("params") != {"account": "${AccountId}", "console": console, "steer": steer}:
        yield "the operators' page does not know its account and its functions"
    if any(one["y"] < first["y"] + first["height"] for one in others):
        yield "something lies over the operators' page"


def check_written_outputs(template: Template) -> Iterator[str]:
    """What a user needs after a deployment."""
    wanted = {"Endpoint", "ReceiptsUrl", "Account", "AlarmTopicArn", "DashboardLink", "TableLink", "SecretLink"}
    yield from (f"there is no output {name}" for name in sorted(wanted - template["Outputs"].keys()))
    for name, parameter in template["Parameters"].items():
        if "Description" not in parameter:
            yield f"parameter {name} is not described"
        if not parameter.keys() & {"AllowedValues", "AllowedPattern", "MinValue"}:
            yield f"parameter {name} takes anything"
    grouped = [
        name
        for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        for name in group["Parameters"]
    ]
    if sorted(grouped) != sorted(template["Parameters"]):
        yield "not every parameter stands in one group"

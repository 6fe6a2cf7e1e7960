"""Gateway, workers and pollers behave as AWS does, shown with functions made for it."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from local.bridge import Bridge, Options
from local.errors import HandlerError, ThrottledError, TimedOutError, WorkerLostError
from local.function import Function
from local.gateway_payload import InvalidAnswerError, answer_of
from local.queue_poller import failed_items
from local.stream_poller import unfinished

TIMEOUT = 180  # seconds until a test gives up on something that happens in another process

http = urllib3.PoolManager(retries=False, timeout=TIMEOUT)

TEMPLATE = """
Parameters:
  AccountId: {Type: String}
  MessageCentralUrl: {Type: String}
Globals:
  Function: {CodeUri: functions/, Environment: {Variables: {TABLE: !Ref SmsLogTable, WORK: !Ref Work}}}
Resources:
  SmsLogTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 2
      RedrivePolicy: {deadLetterTargetArn: !GetAtt WorkDead.Arn, maxReceiveCount: 2}
  UrgentWork: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}
  OtherTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: a, AttributeType: S}, {AttributeName: b, AttributeType: S}]
      KeySchema: [{AttributeName: a, KeyType: HASH}, {AttributeName: b, KeyType: RANGE}]
  WorkDead: {Type: AWS::SQS::Queue, Properties: {}}
  StreamDead: {Type: AWS::SQS::Queue, Properties: {}}
  DoFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.do
      Timeout: 3
      MemorySize: 256
      Events:
        Get: {Type: HttpApi, Properties: {Method: GET, Path: "/do/{what}"}}
        Post: {Type: HttpApi, Properties: {Method: POST, Path: "/do/{what}"}}
  WorkFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: package.handlers.work
      Timeout: 30
      Events:
        Work:
          Type: SQS
          Properties: {Queue: !GetAtt Work.Arn, BatchSize: 10, FunctionResponseTypes: [ReportBatchItemFailures]}
        UrgentWork: {Type: SQS, Properties: {Queue: !GetAtt UrgentWork.Arn}}
  WatchFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.watch
      Timeout: 30
      Events:
        Rows:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt SmsLogTable.StreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 10
            MaximumRetryAttempts: 1
            BisectBatchOnFunctionError: true
            FilterCriteria:
              Filters: [{Pattern: '{"dynamodb": {"NewImage": {"watched": {"BOOL": [true]}}}}'}]
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt StreamDead.Arn}}
"""

APP = '''
import json, os, time
import boto3

table = boto3.client("dynamodb")

def put(row_id, **more):
    item = {"id": {"S": row_id}, **{name: {"S": value} for name, value in more.items()}}
    table.put_item(TableName=os.environ["TABLE"], Item=item)

def do(event, context):
    """Tests call it with any event of theirs, and through the gateway."""
    what = event.get("do") or event.get("pathParameters", {}).get("what")
    if what == "raise":
        raise ValueError("as told")
    if what == "hang":
        time.sleep(60)
    if what == "die":
        os._exit(3)
    if what == "print":
        print("x" * 1_000_000)
    if what == "answer":
        return json.loads(event["body"])
    if what == "context":
        return {"left": context.get_remaining_time_in_millis(), "id": context.aws_request_id,
                "name": context.function_name, "memory": context.memory_limit_in_mb,
                "arn": context.invoked_function_arn, "pid": os.getpid()}
    if what == "environment":
        return dict(os.environ)
    return event

def work(event, context):
    """Bodies: {"id", "fails": how many receives fail, "hangs": likewise}."""
    failures = []
    for record in event["Records"]:
        body, receives = json.loads(record["body"]), int(record["attributes"]["ApproximateReceiveCount"])
        if receives <= body.get("hangs", 0):
            put(body["id"] + "/begun")
            time.sleep(60)
        if receives <= body.get("fails", 0):
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            put(body["id"], receives=str(receives))
    return {"batchItemFailures": failures}

def watch(event, context):
    ids = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
    if any("poison" in one for one in ids):
        raise ValueError("poison")
    for one in ids:
        put("seen/" + one)
'''


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    root = tmp_path_factory.mktemp("stand-in")
    (root / "template.yaml").write_text(TEMPLATE)
    (root / "functions" / "package").mkdir(parents=True)
    (root / "functions" / "app.py").write_text(APP)
    (root / "functions" / "package" / "handlers.py").write_text("from app import work")
    options = Options("http://127.0.0.1:1", template=root / "template.yaml", logs=root)
    with Bridge(options) as running:
        yield running


@pytest.fixture
def function(bridge):
    """One of its own for a test, with one worker."""
    made = Function(bridge.stack.functions["DoFunction"], {"AWS_ENDPOINT_URL": bridge.aws.url}, concurrency=1)
    yield made
    made.stop()


def eventually(question):
    deadline = time.monotonic() + TIMEOUT
    while not (answer := question()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return answer


def row(bridge, row_id):
    return bridge.aws.dynamodb().get_item(TableName=bridge.table, Key={"id": {"S": row_id}}).get("Item")


def put(bridge, row_id, **more):
    bridge.aws.dynamodb().put_item(TableName=bridge.table, Item={"id": {"S": row_id}, **more})


def queue_work(bridge, queue="Work", **body):
    bridge.aws.sqs().send_message(QueueUrl=bridge.stack.queues[queue].url, MessageBody=json.dumps(body))


def waiting(bridge, queue):
    """What waits in a queue, and stays there."""
    url = bridge.stack.queues[queue].url
    found = bridge.aws.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


# ── functions ────────────────────────────────────────────────────────────────


def test_a_handler_gets_the_event_and_gives_its_result(function):
    assert function.invoke({"a": [1, None]}) == {"a": [1, None]}


def test_a_worker_is_kept_for_the_next_event(function):
    first, second = (function.invoke({"do": "context"}) for _ in range(2))

    assert first["pid"] == second["pid"] == function.pids()[0]
    assert first["id"] != second["id"]


def test_a_handler_sees_the_context_that_lambda_gives(function):
    context = function.invoke({"do": "context"})

    assert 0 < context["left"] <= 3000
    assert (context["name"], context["memory"]) == ("local-DoFunction", "256")
    assert context["arn"].endswith(":function:local-DoFunction")


def test_a_handler_sees_the_templates_variables_and_none_of_the_developers(function, monkeypatch, bridge):
    monkeypatch.setenv("AWS_PROFILE", "production")

    variables = function.invoke({"do": "environment"})

    assert variables["TABLE"] == bridge.table
    assert variables["AWS_ENDPOINT_URL"] == bridge.aws.url
    assert "AWS_PROFILE" not in variables


def test_an_exception_of_the_handler_is_told_and_the_worker_is_kept(function):
    with pytest.raises(HandlerError, match="ValueError: as told"):
        function.invoke({"do": "raise"})

    assert function.invoke({"fine": True}) == {"fine": True}


def test_an_import_that_fails_is_told(bridge):
    description = bridge.stack.functions["DoFunction"]
    broken = Function(
        type(description)("broken", "no_such_module.handler", description.code, 3, 128, {}), {}, concurrency=1
    )

    with pytest.raises(HandlerError, match="no_such_module"):
        broken.invoke({})
    assert broken.pids() == []


def test_a_handler_that_takes_too_long_is_killed(function):
    with pytest.raises(TimedOutError, match=r"timed out after 3\.00 seconds"):
        function.invoke({"do": "hang"})

    assert function.pids() == []
    assert function.invoke({"fine": True}) == {"fine": True}


def test_a_worker_that_dies_is_lost_and_the_next_event_gets_a_new_one(function):
    with pytest.raises(WorkerLostError, match="exit status 3"):
        function.invoke({"do": "die"})

    assert function.invoke({"fine": True}) == {"fine": True}


def test_a_worker_can_be_killed_in_the_middle_of_an_event(function):
    function.invoke({})
    killer = threading.Thread(target=lambda: os.kill(eventually(lambda: function.pids(busy=True))[0], signal.SIGKILL))
    killer.start()

    with pytest.raises(WorkerLostError, match="SIGKILL"):
        function.invoke({"do": "hang"})
    killer.join()


def test_a_worker_that_was_killed_while_idle_is_replaced(function):
    function.invoke({})
    os.kill(function.pids()[0], signal.SIGKILL)
    eventually(lambda: not function._idle[0].is_alive())

    assert function.invoke({"fine": True}) == {"fine": True}


def test_a_function_that_prints_much_does_not_stop(function):
    assert function.invoke({"do": "print"}) == {"do": "print"}


def _hang(function):
    with pytest.raises(WorkerLostError):
        function.invoke({"do": "hang"})


def test_more_events_than_workers_are_throttled(function):
    function.invoke({})
    busy = threading.Thread(target=_hang, args=(function,))
    busy.start()
    eventually(lambda: function.pids(busy=True))

    with pytest.raises(ThrottledError):
        function.invoke({}, timeout=0)
    function.stop()
    busy.join()


# ── gateway ──────────────────────────────────────────────────────────────────


def test_a_request_becomes_an_event_of_payload_format_2(bridge):
    headers = {"Content-Type": "application/json", "X-Own": "Value", "Cookie": "a=1; b=2"}

    event = http.request("POST", f"{bridge.url}/do/it%2Fnow?x=1&x=2&y=%20", body=b'{"to": 1}', headers=headers).json()

    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /do/{what}"
    assert event["pathParameters"] == {"what": "it/now"}
    assert event["rawQueryString"] == "x=1&x=2&y=%20"
    assert event["queryStringParameters"] == {"x": "1,2", "y": " "}
    assert event["headers"]["x-own"] == "Value"
    assert event["cookies"] == ["a=1", "b=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"to": 1}', False)
    assert event["requestContext"]["http"]["method"] == "POST"


@pytest.mark.parametrize(
    ("content_type", "is_encoded"),
    [
        ("application/json", False),
        ("Application/JSON; charset=utf-8", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", True),
        ("application/octet-stream", True),
        (None, True),
    ],
)
def test_a_body_is_encoded_as_on_aws(bridge, content_type, is_encoded):
    headers = {"Content-Type": content_type} if content_type else {}

    event = http.request("POST", f"{bridge.url}/do/it", body="ä=1".encode(), headers=headers).json()

    assert event["isBase64Encoded"] is is_encoded
    assert event["body"] == ("w6Q9MQ==" if is_encoded else "ä=1")


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("PUT", "/do/it"), ("GET", "/do"), ("GET", "/do/it/now")])
def test_a_request_without_a_route_is_not_found(bridge, method, path):
    answer = http.request(method, bridge.url + path)

    assert (answer.status, answer.data) == (404, b'{"message":"Not Found"}')


@pytest.mark.parametrize("what", ["raise", "hang", "die"])
def test_a_function_that_fails_is_an_internal_error(bridge, what):
    answer = http.request("GET", f"{bridge.url}/do/{what}")

    assert (answer.status, answer.data) == (500, b'{"message":"Internal Server Error"}')


def test_a_body_of_more_than_10_mb_is_too_large(bridge):
    assert http.request("POST", f"{bridge.url}/do/it", body=b"x" * (10 * 1024 * 1024 + 1)).status == 413


def test_an_answer_has_the_status_the_headers_and_the_body_that_the_function_gave(bridge):
    result = {"statusCode": 418, "headers": {"X-Own": 1}, "cookies": ["a=1", "b=2"], "body": "short and stout"}

    answer = http.request("POST", f"{bridge.url}/do/answer", json=result)

    assert (answer.status, answer.data) == (418, b"short and stout")
    assert answer.headers["X-Own"] == "1"
    assert answer.headers.getlist("Set-Cookie") == ["a=1", "b=2"]


def test_a_result_without_a_status_is_the_body_of_a_200():
    assert (answer_of({"a": 1}).status, answer_of({"a": 1}).body) == (200, b'{"a": 1}')
    assert answer_of("text").body == b'"text"'


def test_an_encoded_body_is_decoded():
    assert answer_of({"statusCode": 200, "body": "w6Q=", "isBase64Encoded": True}).body == "ä".encode()


@pytest.mark.parametrize("result", [{"statusCode": "soon"}, {"statusCode": 200, "body": {"not": "text"}}])
def test_a_result_in_no_known_form_is_an_error(result):
    with pytest.raises(InvalidAnswerError):
        answer_of(result)


# ── pollers ──────────────────────────────────────────────────────────────────


@pytest.fixture
def warm(bridge):
    """Workers past their imports, for which a busy machine takes longer than a message stays invisible."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(bridge.functions["WorkFunction"].invoke, [{"Records": []}] * 2))


def test_a_queued_message_is_worked_on_and_deleted(bridge, warm):
    queue_work(bridge, id="plain")

    assert eventually(lambda: row(bridge, "plain"))["receives"] == {"S": "1"}


def test_a_queue_does_not_wait_for_another_queue_of_its_function(bridge):
    function = bridge.functions["WorkFunction"]
    for nth in range(2):  # as many as that queue may have at work
        queue_work(bridge, id=f"long {nth}", hangs=1)
        eventually(lambda nth=nth: row(bridge, f"long {nth}/begun"))
    queue_work(bridge, id="next")

    queue_work(bridge, "UrgentWork", id="urgent")

    assert eventually(lambda: row(bridge, "urgent"))["receives"] == {"S": "1"}
    assert row(bridge, "next") is None
    for pid in function.pids(busy=True):
        os.kill(pid, signal.SIGKILL)


def test_every_table_of_the_template_is_there(bridge):
    tables = bridge.aws.dynamodb().list_tables()["TableNames"]

    assert sorted(tables) == ["local-OtherTable", "local-SmsLogTable"]


def test_only_what_failed_comes_back_after_the_visibility_timeout(bridge, warm):
    queue_work(bridge, id="fails once", fails=1)
    queue_work(bridge, id="succeeds")

    assert eventually(lambda: row(bridge, "fails once"))["receives"] == {"S": "2"}
    assert eventually(lambda: row(bridge, "succeeds"))["receives"] == {"S": "1"}


def test_a_message_that_always_fails_ends_in_the_dead_letter_queue(bridge):
    queue_work(bridge, id="fails always", fails=99)

    eventually(lambda: {"id": "fails always", "fails": 99} in waiting(bridge, "WorkDead"))


def test_the_message_of_a_killed_worker_comes_back(bridge, warm):
    queue_work(bridge, id="killed", hangs=1)
    eventually(lambda: row(bridge, "killed/begun"))

    for pid in bridge.functions["WorkFunction"].pids(busy=True):
        os.kill(pid, signal.SIGKILL)

    assert eventually(lambda: row(bridge, "killed"))["receives"] == {"S": "2"}


def test_a_row_that_passes_the_filter_reaches_the_streams_function(bridge):
    put(bridge, "unwatched", watched={"BOOL": False})
    put(bridge, "watched", watched={"BOOL": True})

    eventually(lambda: row(bridge, "seen/watched"))
    assert row(bridge, "seen/unwatched") is None


def test_a_poisonous_row_is_set_aside_and_the_stream_goes_on(bridge):
    put(bridge, "poison", watched={"BOOL": True})
    put(bridge, "the next one", watched={"BOOL": True})

    eventually(lambda: row(bridge, "seen/the next one"))
    (message,) = bridge.aws.sqs().receive_message(QueueUrl=bridge.stack.queues["StreamDead"].url)["Messages"]
    assert json.loads(message["Body"])["DDBStreamBatchInfo"]["batchSize"] == 1


MESSAGES = [{"MessageId": "1"}, {"MessageId": "2"}]
RECORDS = [{"dynamodb": {"SequenceNumber": number}} for number in ("1", "2", "3")]


@pytest.mark.parametrize("result", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_nothing_said_is_success(result):
    assert failed_items(result, MESSAGES) == set()
    assert unfinished(result, RECORDS) == []


@pytest.mark.parametrize(
    "result",
    [
        "done",
        {"batchItemFailures": [{"id": "1"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": "7"}]},
    ],
    ids=str,
)
def test_nonsense_fails_the_whole_batch(result):
    assert failed_items(result, MESSAGES) == {"1", "2"}
    assert unfinished(result, RECORDS) == RECORDS


def test_a_stream_goes_back_to_the_first_record_that_failed():
    result = {"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}

    assert unfinished(result, RECORDS) == RECORDS[1:]

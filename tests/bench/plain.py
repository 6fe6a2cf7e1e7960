"""What the functions are compared with: the least code for the same calls, and what one writes at first."""

from __future__ import annotations

import base64
import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import phonenumbers
import urllib3
from boto3.dynamodb.types import TypeDeserializer

from tests.bench.stub import SECRET
from tests.bench.world import CHUNK, THREADS

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def _body(entry: dict[str, Any]) -> str:
    return urlencode(
        {
            "flowType": "SMS",
            "type": "SMS",
            "countryCode": "91",
            "mobileNumber": entry["to"][3:],
            "message": entry["text"],
            "senderId": SECRET["senderId"],
            "customerId": SECRET["customerId"],
        }
    )


class BareLoop:
    """Sends the messages of chunks over as many threads and connections, and writes nothing."""

    def __init__(self) -> None:
        url = urlsplit(os.environ["MESSAGE_CENTRAL_URL"])
        make = urllib3.HTTPSConnectionPool if url.scheme == "https" else urllib3.HTTPConnectionPool
        self._pool = make(url.hostname or "", url.port, maxsize=THREADS)

    def __call__(self, event: dict[str, Any]) -> None:
        entries = [entry for record in event["Records"] for entry in json.loads(record["body"])["messages"]]
        with ThreadPoolExecutor(THREADS) as threads:
            assert all(threads.map(self._send, entries))

    def _send(self, entry: dict[str, Any]) -> bool:
        headers = {"authToken": "token", **FORM}
        answer = self._pool.request("POST", "/verification/v3/send", body=_body(entry), headers=headers)
        return bool(answer.json()["responseCode"] == 200)


class Naive:
    """One message after the other: a token, the call, and a put through boto3's resource."""

    def __init__(self) -> None:
        self._url = os.environ["MESSAGE_CENTRAL_URL"]
        self._http = urllib3.PoolManager()
        self._table = boto3.resource("dynamodb").Table(os.environ["SMS_LOG_TABLE"])

    def __call__(self, event: dict[str, Any]) -> None:
        for record in event["Records"]:
            for entry in json.loads(record["body"])["messages"]:
                self._send(entry)

    def _send(self, entry: dict[str, Any]) -> None:
        key = base64.b64encode(SECRET["password"].encode()).decode()
        query = urlencode({"customerId": SECRET["customerId"], "key": key, "scope": "NEW", "email": SECRET["email"]})
        token = self._http.request("GET", f"{self._url}/auth/v1/authentication/token?{query}").json()["token"]
        headers = {"authToken": token, **FORM}
        answer = self._http.request("POST", f"{self._url}/verification/v3/send", body=_body(entry), headers=headers)
        item = {"recipient": entry["to"], "messageId": entry["id"], "text": entry["text"], "at": str(time.time())}
        self._table.put_item(Item={**item, "answer": answer.json()["data"]["verificationId"]})


class BareAccept:
    """Parses a request, reads each number once, and queues the records, with no check and no answer."""

    def __init__(self) -> None:
        self._client = boto3.client("sqs")

    def __call__(self, event: dict[str, Any]) -> None:
        document = json.loads(event["body"])
        records = document.get("messages", [document])
        for record in records:
            record["to"] = str(phonenumbers.parse("+" + record["to"], None).national_number)
        chunks = [records[start : start + CHUNK] for start in range(0, len(records), CHUNK)]
        for start in range(0, len(chunks), 10):
            entries: list[Any] = [
                {"Id": str(i), "MessageBody": json.dumps(c)} for i, c in enumerate(chunks[start : start + 10])
            ]
            self._client.send_message_batch(QueueUrl=os.environ["DISPATCH_QUEUE_URL"], Entries=entries)


class BareReceive:
    """Makes one query and one update for each receipt, and looks at nothing."""

    def __init__(self) -> None:
        self._client = boto3.client("dynamodb")

    def __call__(self, event: dict[str, Any]) -> None:
        for receipt in json.loads(event["body"]):
            self._client.query(
                TableName="SmsLog",
                KeyConditionExpression="recipient = :recipient",
                ExpressionAttributeValues={":recipient": {"S": receipt["mobileNumber"]}},
            )
            self._client.update_item(
                TableName="SmsLog",
                Key={"recipient": {"S": receipt["mobileNumber"]}, "messageId": {"S": "m-1"}},
                UpdateExpression="SET #status = :status",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":status": {"S": receipt["status"]}},
            )


class BareReport:
    """Posts the ids of a stream's records, 100 at a time."""

    def __init__(self) -> None:
        self._http = urllib3.PoolManager()

    def __call__(self, event: dict[str, Any]) -> None:
        records = event["Records"]
        for start in range(0, len(records), CHUNK):
            data = [
                {"ts": 0, "meta": record["dynamodb"]["NewImage"]["messageId"]["S"], "description": "Delivered"}
                for record in records[start : start + CHUNK]
            ]
            body = json.dumps([{"event": "delivered", "data": data}]).encode()
            self._http.request("POST", f"{os.environ['MESSAGE_CENTRAL_URL']}/callback", body=body)


class BareCount:
    """Reads the rows of a stream's records as boto3 does, counts them by their status, and makes one update."""

    def __init__(self) -> None:
        self._client = boto3.client("dynamodb")
        self._read = TypeDeserializer().deserialize

    def __call__(self, event: dict[str, Any]) -> None:
        images = (record["dynamodb"]["NewImage"] for record in event["Records"])
        rows = ({name: self._read(value) for name, value in image.items()} for image in images)
        counts = Counter(row["status"] for row in rows)
        self._client.update_item(
            TableName="CampaignTable",
            Key={"account": {"S": "BENCH-ACCOUNT"}, "campaign": {"S": "1700000000"}},
            UpdateExpression="ADD n_sending :n",
            ExpressionAttributeValues={":n": {"N": str(counts["sending"])}},
        )

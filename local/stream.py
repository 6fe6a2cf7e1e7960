"""Reads a table's stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.aws import LocalAws

# The most records of one GetRecords.
GET_RECORDS_LIMIT = 1000


class StreamReader:
    """Reads the stream of a table, from its first record or from what comes next. moto's streams have one shard."""

    def __init__(self, aws: LocalAws, table: str, *, from_start: bool = True) -> None:
        self._streams = aws.streams()
        self.arn: str = aws.dynamodb().describe_table(TableName=table)["Table"]["LatestStreamArn"]
        shards = self._streams.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]
        self.shard_id: str = shards[0]["ShardId"]
        self._iterator: str = self._streams.get_shard_iterator(
            StreamArn=self.arn,
            ShardId=self.shard_id,
            ShardIteratorType="TRIM_HORIZON" if from_start else "LATEST",
        )["ShardIterator"]

    def read(self, limit: int = GET_RECORDS_LIMIT) -> list[dict[str, Any]]:
        """The next records, as a handler sees them; empty when there is nothing new."""
        answer = self._streams.get_records(ShardIterator=self._iterator, Limit=limit)
        self._iterator = answer["NextShardIterator"]
        return [self._record(record) for record in answer["Records"]]

    def _record(self, record: dict[str, Any]) -> dict[str, Any]:
        change = dict(record["dynamodb"])
        if "ApproximateCreationDateTime" in change:  # boto3 makes it a datetime; Lambda hands over epoch seconds
            change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
        return {**record, "dynamodb": change, "eventSource": "aws:dynamodb", "eventSourceARN": self.arn}

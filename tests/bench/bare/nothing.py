"""(d) The least that a Lambda function can be."""


def handler(event: object, context: object) -> dict[str, int]:
    return {"statusCode": 200}

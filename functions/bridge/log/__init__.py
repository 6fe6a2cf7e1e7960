"""The log: table `SmsLog` in DynamoDB, one item per message (`docs/architecture.md`)."""

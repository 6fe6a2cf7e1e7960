"""AWS Lambda's entry points: an event comes in, the rules of the same name are called, an answer goes out."""

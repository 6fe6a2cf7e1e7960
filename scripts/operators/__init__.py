"""The operators' command line, `scripts/bridge`: what people do with a deployed stack, or with `make run`."""

"""The whole bridge on one machine: no AWS account, no Docker, no vendor."""

"""The bridge's rules and the engine below them. Start with `docs/architecture.md`; the heart is `send.py`."""

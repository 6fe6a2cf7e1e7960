"""In-memory neighbours of the bridge: they keep state and rules, and fail as told."""

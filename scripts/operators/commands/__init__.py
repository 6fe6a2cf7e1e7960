"""The commands, each a function of a session and its options."""

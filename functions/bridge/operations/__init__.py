"""What operators do to a stack that stands, with their own rights: called by their commands, by no function."""

"""How AWS is called: who signs, where it is, over which connections, in which protocol."""

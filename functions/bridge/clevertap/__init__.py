"""CleverTap, the neighbour who asks: who is calling, what it wants sent, and how it is told what became of it."""

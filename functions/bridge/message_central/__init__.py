"""Message Central, the neighbour who sends: its token, its send call, what its answers mean, its receipts."""

"""The bridge's rules, and one file per neighbour. See design words in `message.py`, the heart in `delivery.py`."""

"""The operators' page: what CloudWatch's custom widgets show, as HTML. `handlers/console.py` reads, `handlers/steer.py`
changes. Only these two import it.
"""

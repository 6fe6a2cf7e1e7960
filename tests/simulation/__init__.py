"""The bridge in virtual time: the real handlers' code, in one process, between neighbours that fail by a seed.

`world.py` puts it together, `runtime.py` has the clock and the threads, `plan.py` draws what goes wrong, `ledger.py`
holds what must hold. `python -m tests.simulation --help` says how to run it.
"""

"""Events: how callers ask and how they are answered, one module per trigger kind (`TRIGGERS` in triggers.py).

`instance.py` uses `triggers.decode`. This room knows nothing of CAMS, permits or the cache.
"""

"""Events: how callers ask and how they are answered, one module for each kind of trigger.

`instance.py` comes in through `triggers.decode`. This room knows nothing of CAMS, permits or the cache.
"""

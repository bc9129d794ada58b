"""Events: how callers ask and how they are answered, one module per trigger (`TRIGGERS` in triggers.py).

`instance.py` decodes an event into a Call, and encodes the answer with it. This room never knows CAMS, permits or the
cache.
"""

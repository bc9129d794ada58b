"""Imports that make a cold start cheaper: unneeded ones are deferred, the others read bytecode from one file.

`index.py` uses it, and so do `libraries.py`, `redis_store.py`, `cache.py`, `request.py` and `drawing.py`, which import
large libraries or build models. Code that trades clarity for speed belongs here. This room never knows the project, nor
any library.
"""

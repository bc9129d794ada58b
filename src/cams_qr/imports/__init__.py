"""Imports that make a cold start cheaper: unneeded ones are deferred, the others read bytecode from one file.

`index.py` uses it, and so do `libraries.py`, `request.py` and `drawing.py`, which import large libraries. Code that
trades clarity for speed belongs here. This room never knows the project, nor any library.
"""

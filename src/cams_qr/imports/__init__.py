"""Imports that make a cold start cheaper: unneeded ones are deferred, the others read bytecode from one file.

`index.py` and the modules that import large libraries use it. Code that trades clarity for speed belongs here. This
room knows nothing of the project, nor of any library.
"""

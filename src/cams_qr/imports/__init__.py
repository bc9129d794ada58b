"""How imports cost a cold start less: those of no use are deferred, the others read bytecode from one file.

Everything that costs clarity for speed is here. This room knows nothing of the project, nor of any library.
"""

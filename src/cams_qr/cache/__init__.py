"""The cache: what is already known, in this instance and in Redis, and who fetches what is not.

`service.py` uses Cache. This room knows nothing of events, CAMS or permits.
"""

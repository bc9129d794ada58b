"""The cache: what is already known, in this instance and in Redis, and who is asking for what is not.

`service.py` comes in through Cache. This room knows nothing of events, CAMS or permits.
"""

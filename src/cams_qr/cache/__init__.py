"""The cache: what is already known, in this instance and in Redis, and who fetches what is not.

`instance.py` builds a Cache, `service.py` uses it. This room never knows events, CAMS or permits.
"""

"""Permits: whether a call to CAMS may leave now: CAMS_QPS in any rolling second, and none while CAMS is down.

`service.py` comes in through Throttle and Breaker. This room knows nothing of events, CAMS or the cache.
"""

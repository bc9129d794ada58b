"""Permits: when a call to CAMS may leave: at most CAMS_QPS in any rolling second, and none while CAMS is down.

`service.py` uses Throttle and Breaker. This room knows nothing of events, CAMS or the cache.
"""

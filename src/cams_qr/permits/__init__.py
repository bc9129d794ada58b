"""Permits: when a call to CAMS may leave: at most CAMS_QPS in any rolling second, and none while CAMS is down.

`instance.py` builds a Throttle and a Breaker, `service.py` uses them. This room never knows events, CAMS or the cache.
"""

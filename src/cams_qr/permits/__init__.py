"""Permits: at most CAMS_QPS calls reach CAMS in any rolling second. Every call has one, retries too.

`service.py` comes in through Throttle. This room knows nothing of events, CAMS or the cache.
"""

"""CAMS: signs, sends and parses one call of ListPhoneMessageQrdl within its deadline, whether it succeeds or fails.

`service.py` uses Cams. This room knows nothing of events, permits, the cache or Redis.
"""

"""CAMS: signs, sends and parses one call of ListPhoneMessageQrdl within its deadline, whether it succeeds or fails.

`instance.py` builds Cams and sets its credentials, `service.py` uses it. This room never knows events, permits, the
cache or Redis.
"""

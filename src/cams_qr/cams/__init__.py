"""CAMS: one call of ListPhoneMessageQrdl, signed, sent by its deadline and read, be the answer a list or an error.

`service.py` comes in through Cams. This room knows nothing of events, permits, the cache or Redis.
"""

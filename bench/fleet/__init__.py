"""Measures permits under pressure from outside: many instances as processes, one Valkey, one CAMS that counts arrivals.

Nothing here knows how the function works: instances only get events.
"""

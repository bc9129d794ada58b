"""HTTP: requests, routes, answers, images and OpenAPI, through the HTTP trigger or either of the two gateways.

`triggers.py` tries its two trigger kinds; `invoke_function.py` and `trace_parent.py` read requests with it. This room
never knows CAMS, permits or the cache, and the rooms outside events never know HTTP.
"""

"""HTTP: requests, routes, answers, images and OpenAPI, through the HTTP trigger or either of the two gateways.

`triggers.py` has its two triggers; `invoke_function.py` reads requests with it. This room never knows CAMS, permits or
the cache, and the rooms outside events never know HTTP.
"""

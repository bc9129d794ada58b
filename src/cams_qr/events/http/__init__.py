"""HTTP: requests, routes and answers, through the HTTP trigger or either of the two gateways.

The trigger kinds use it. Routes, headers of answers, images and OpenAPI are known only here. This room knows
nothing of CAMS, permits or the cache.
"""

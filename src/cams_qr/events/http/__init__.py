"""HTTP: requests, routes and answers, through the HTTP trigger or either of the two gateways.

The trigger kinds use it. Only this room knows about status codes, headers, images and OpenAPI.
"""

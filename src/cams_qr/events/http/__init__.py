"""HTTP: requests, routes and answers, whichever of the two gateways or the trigger they come through.

The trigger kinds come in. This room alone knows of status lines, headers, drawings and OpenAPI.
"""

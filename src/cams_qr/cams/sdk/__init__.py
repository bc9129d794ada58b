"""The SDK: all that is used of Alibaba Cloud's packages and `requests`; imports that are not needed are deferred.

`operation.py`, `transport.py` and `credentials.py` use it, and `index.py`, which defers the same imports. This room
never knows the rest of the project, except `imports/`.
"""

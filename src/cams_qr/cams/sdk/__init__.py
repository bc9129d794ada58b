"""The SDK: all that is used of Alibaba Cloud's packages and `requests`; imports that are not needed are put off.

The room of CAMS comes in, and `index.py`, which defers the same imports. This room knows `imports/`, and nothing else
of the project.
"""

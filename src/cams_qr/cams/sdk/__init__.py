"""The SDK: all that is used of Alibaba Cloud's packages and `requests`; imports that are not needed are put off.

The room of CAMS comes in, and `index.py`, which defers imports of its own. This room knows nothing of the project.
"""

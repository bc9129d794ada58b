"""This project's function, as it is deployed."""

from index import handler

__all__ = ["handler"]

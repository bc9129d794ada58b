"""A library that is deferred."""


class Thing:
    pass

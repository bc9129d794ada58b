from deferred_library import Thing


@Thing
def decorated() -> None: ...

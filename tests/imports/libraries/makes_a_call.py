import deferred_library

THING = deferred_library.Thing()

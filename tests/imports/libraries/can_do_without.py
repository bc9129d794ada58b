from deferred_library import Thing

try:

    class Mine(Thing):
        pass
except ImportError:
    Mine = None

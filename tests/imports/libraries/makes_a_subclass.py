from deferred_library import Thing


class Mine(Thing):
    pass

from deferred_library import Thing, part

__all__ = ["part"]


def annotated(thing: Thing) -> "Thing | None":
    return thing if isinstance(thing, Thing) else None

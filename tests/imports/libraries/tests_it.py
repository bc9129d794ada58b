from deferred_library import Thing

NAME = "thing" if Thing else "no thing"

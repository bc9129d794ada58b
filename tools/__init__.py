"""Generators of files that are kept in the repository; each has a target of its own in the Makefile."""

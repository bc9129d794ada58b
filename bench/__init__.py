"""Benchmarks: the function next to straightforward alternatives, and its parts."""

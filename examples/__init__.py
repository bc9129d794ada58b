"""Code to copy; each module says what it needs."""

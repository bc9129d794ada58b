"""The function, and its two peers; each module has `handler(event, context)`."""

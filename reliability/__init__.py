"""Long runs that try to break the function; `docs/reliability.md` says what they found."""

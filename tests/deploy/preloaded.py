"""What the process imports from which command.py forks others; it knows the folder alone, not pytest's path."""

import sys

sys.path.insert(0, "src")
import deploy.__main__  # noqa: F401

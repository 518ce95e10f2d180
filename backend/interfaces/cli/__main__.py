"""`python -m backend.interfaces.cli`: the same command, for a supervisor that knows its own interpreter."""

from backend.interfaces.cli import main

main()

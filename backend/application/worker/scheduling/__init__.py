"""Which job uses the engine next. The rules are in README.md."""

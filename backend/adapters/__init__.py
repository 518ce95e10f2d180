"""Everything that touches the outside: one package per vendor, none importing another."""

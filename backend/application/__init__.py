"""Use cases and the ports they need. Knows no framework, no model library, no Label Studio SDK."""

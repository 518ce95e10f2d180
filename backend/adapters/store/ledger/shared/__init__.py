"""Rows of what several hosts share beside the jobs: notes, records of imports, leases."""

"""Attacks: faults made on purpose on a running Masklet, with figures of what was lost. Traffic to loopback only."""

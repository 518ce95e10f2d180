"""Masks and boxes, written as Label Studio regions."""

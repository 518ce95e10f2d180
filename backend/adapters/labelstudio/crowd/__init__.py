"""Crowds in Label Studio: label configs by role, routed tasks, annotations of several people, gold."""

"""The lead's page with the real Label Studio and Masklet."""

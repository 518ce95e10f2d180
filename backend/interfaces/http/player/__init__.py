"""The player over HTTP: its page, its API, and who may use them."""

"""The lead's page over HTTP: its page, its API, and who may use them."""

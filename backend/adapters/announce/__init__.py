"""How the web process, which has no model, learns which model the workers hold."""

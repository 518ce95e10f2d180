"""RQ on Redis or Valkey, an embedded Valkey server, signals between processes, and the supervisor."""

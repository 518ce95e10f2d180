"""RQ on Redis or Valkey, a Valkey server of our own, and the processes that work the queues."""

"""Status of a running bridge: log, counts, conditions and the HTTP status server."""

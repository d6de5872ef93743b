"""PURE: the type tree of an Avro schema, and the meaning of its types."""

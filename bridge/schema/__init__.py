"""PURE: the type tree of an Avro schema, and what its types mean."""

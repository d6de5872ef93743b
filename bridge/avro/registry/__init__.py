"""The Schema Registry client."""

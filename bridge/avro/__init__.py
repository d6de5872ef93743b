"""Avro: finds the schema that wrote a record, and decodes the record to its raw value."""

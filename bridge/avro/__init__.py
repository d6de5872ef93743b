"""Avro: which schema wrote a record, where that schema comes from, and the record's raw value."""

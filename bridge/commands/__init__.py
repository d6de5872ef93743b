"""The commands of `fullstory-bridge`, one module each."""

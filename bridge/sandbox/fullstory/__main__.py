"""`python -m bridge.sandbox.fullstory`: the stand-in as a separate process."""

from bridge.sandbox.fullstory.control import serve

serve()

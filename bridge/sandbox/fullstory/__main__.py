"""`python -m bridge.sandbox.fullstory`: the stand-in as a process of its own."""

from bridge.sandbox.fullstory.control import serve

serve()

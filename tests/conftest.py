"""What all tests may use: the real Kafka and the real Schema Registry."""

import os

# pytest imports it when it first reports a leak; a second leak met during that import is an error.
import tracemalloc  # noqa: F401

from hypothesis import settings

pytest_plugins = ["tests.services.fixtures"]

# At home properties look for new examples every time; a gate has to say the same twice.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("home", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "home")

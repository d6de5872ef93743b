"""When to send, again, and how far it is done: pure, time is an argument."""

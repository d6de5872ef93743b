"""FullStory's server API: requests, responses, the client and its throttle."""

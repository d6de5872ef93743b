"""FullStory's server API: requests, answers, the client and its throttle."""

"""Two replicas: one takes over from the other when that dies or sleeps, and both together do everything once."""

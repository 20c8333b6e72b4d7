"""A driver that says what the test tells it to say."""

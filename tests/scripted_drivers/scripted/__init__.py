"""A driver that is controlled by the test."""

"""Compares snapshots over time and emits the standard events."""

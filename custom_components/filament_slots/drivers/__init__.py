"""Drivers: each reads one kind of printer and reports its state as snapshots."""

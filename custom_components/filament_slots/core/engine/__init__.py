"""A durable job queue on SQLite; it knows nothing of spools."""

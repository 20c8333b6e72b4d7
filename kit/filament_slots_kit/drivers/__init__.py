"""Parts that are built from the repository."""

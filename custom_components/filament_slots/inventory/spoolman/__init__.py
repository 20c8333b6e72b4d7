"""The inventory on a Spoolman server."""

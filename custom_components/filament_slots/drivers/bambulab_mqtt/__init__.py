"""Bambu Lab printers, read over their own MQTT server."""

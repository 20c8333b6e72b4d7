"""Reads Klipper printers through Moonraker."""

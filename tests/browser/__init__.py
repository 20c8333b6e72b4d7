"""The dashboard cards in headless Chromium, served by a real Home Assistant process."""

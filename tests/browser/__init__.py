"""Our cards in a real browser: headless Chromium on a real Home Assistant process."""

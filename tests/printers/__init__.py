"""Virtual printers, for the tests and for the demo."""

"""What the connections to printers and to inventories share: time, retries, HTTP."""

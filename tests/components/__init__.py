"""Components of others, as they are beside ours in a real Home Assistant."""

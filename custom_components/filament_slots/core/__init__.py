"""The core: the one door for events, the slots they change and where both are kept."""

"""Inventories: servers that know every spool of a house, also those in no slot."""

"""All SQL: the tables, and what is written to and read from them."""

"""Fields of Query."""

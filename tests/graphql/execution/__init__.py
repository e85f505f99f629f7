"""Compiled execution against graphql-core."""

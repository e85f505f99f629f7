"""Conversa: conversations with language models, kept in SQL, served over GraphQL and REST."""

__version__ = "0.1.0"

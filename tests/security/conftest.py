"""Fixtures of the tests of security."""

from tests.security.issuing import issuer, jwks_file

__all__ = ["issuer", "jwks_file"]

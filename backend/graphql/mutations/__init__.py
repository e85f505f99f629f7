"""Fields of Mutation: each calls one method of a service."""

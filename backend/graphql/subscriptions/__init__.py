"""Fields of Subscription: what happens, as it happens."""

"""What tests share: servers, databases, factories and counters."""

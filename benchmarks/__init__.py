"""What the speed claims rest on: each script makes its data, runs, and prints a table."""

"""Types of the schema: views of rows, their leaves plain attributes."""

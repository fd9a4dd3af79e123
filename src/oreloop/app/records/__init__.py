"""Running a record: its folder, capture into document store and log, and every answer read from them."""

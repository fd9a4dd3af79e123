"""A log that grows: entries made durable in groups, tiles derived from them, checkpoints published."""

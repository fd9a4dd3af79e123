"""What touches the outside: folders on disk and key files."""

"""What a sweep is: its spec read, checked and understood."""

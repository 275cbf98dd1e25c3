"""What is remembered of conversations: the tier, what the strong model has cost, and pins."""

"""What the tests of other people's clients share: the servers they ask through Weir."""

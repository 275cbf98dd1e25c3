"""The `weir` command: thin, one file a command, imported when it is used."""

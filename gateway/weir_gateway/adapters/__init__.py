"""The rim: what fills routing's ports. Each foreign library's errors are mapped here, once."""

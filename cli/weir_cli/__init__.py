"""The `weir` command. A command's module is imported when the command is used, and not before.

A command is a module, or a package whose `command` module holds it; `commands.COMMANDS` lists them.
"""

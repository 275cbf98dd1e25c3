"""The wires that clients and providers speak, and the translators between them.

Pure: bytes in, bytes out. Must not know sockets, the event loop or any other package of Weir.
"""

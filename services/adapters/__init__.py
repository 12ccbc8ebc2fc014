"""From what a device or a file says to readings and refusals.

Belongs here: one pure module per feed; bytes and the directory of devices in, readings and
refusals with reasons out. Not here: the database, the object store and the clock (`received_at`
is handed in).
"""

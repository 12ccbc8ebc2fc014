"""Tables that people bring, read row by row into what the register takes.

Belongs here: which columns a table of shops or units has, judging its rows, its template. Not
here: opening the file (services.uploads) and writing rows (services.operations.register_import).
"""

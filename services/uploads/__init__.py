"""Files from people, made safe before anything else touches them.

Belongs here: limits, names, recognising a format by its content, opening it in a process of its
own (sandbox), what is kept of it. Not here: whose file it is (services.operations.uploads) and
what its rows mean (services.operations.register_import).

`opening/` and `child.py` run in that process and import little.
"""

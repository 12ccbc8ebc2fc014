"""What data must look like at the door: one module per feed, and the page that shows a result.

Belongs here: rules about a batch of parsed rows, from a table to a verdict, with no database and
no object store. Not here: refusing single rows (the adapters do), cleaning, loading.
`great_expectations` takes long to import: only `expectations.suite` does, when a batch is judged.
"""

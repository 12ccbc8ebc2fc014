"""What the mall does: operations write, queries read, gateways reach outside, documents and
reports are what it hands out. Nothing here knows the web or Dagster.
"""

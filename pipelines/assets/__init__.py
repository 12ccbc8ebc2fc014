"""The assets, one module per stage: inbox → landing → cleaning → marts → billing → messages →
reports → backup, and leasing beside them. Each asset carries its owner, its group (the stage) and
figures worth reading.
"""

OPERATIONS = "team:operations"
FINANCE = "team:finance"
PLATFORM = "team:platform"

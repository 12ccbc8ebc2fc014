"""The assets, one module per stage: inbox → landing → cleaning → marts → billing → messages →
reports → backup. Each asset carries its owner, its group (the stage) and figures worth reading.
"""

OPERATIONS = "team:operations"
FINANCE = "team:finance"
PLATFORM = "team:platform"

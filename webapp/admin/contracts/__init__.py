"""Leases as staff work on them: found, drafted, reviewed, sent, changed, renewed.

Belongs here: one module per page or step of a lease. Not here: malls, units and shops
(their own modules in webapp.admin), bills.
"""

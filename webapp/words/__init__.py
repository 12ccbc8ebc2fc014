"""Stored terms and computations in words, for the pages of staff and of shops alike.

Belongs here: what a clause charges, and where a bill line's amount comes from. Not here: words
for single values (webapp.admin.labels) and layout (templates).
"""

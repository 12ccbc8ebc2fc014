"""Signatures inside PDFs (PAdES): keys, sealing, and checking whatever calls itself signed.

Belongs here: cryptography and bytes. Not here: who may sign what (services.operations.papers) and
what a paper says (services.documents).
"""

"""Charts as data: rows in, a Vega-Lite specification out.

The same specification draws the page and the paper. Nothing here fetches, renders or writes.
"""

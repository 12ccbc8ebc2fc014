"""Electronic mail: how a letter looks, one file per way of sending it."""

"""`python -m cli.child PARENT PROGRAM …`: become PROGRAM, but end when PARENT ends."""

import os
import sys

from cli.processes import die_with

if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # nosec B606  # our own command line

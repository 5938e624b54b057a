"""What Dueport costs, each figure against a limit that is measured in the same run.

A bare number says as much about the machine as about the program. So every bench also does the
least that could do the same work (a bare COPY, the bytes of a page from a bare handler, the plain
statements of a page) and keeps the ratio. See README.md.
"""

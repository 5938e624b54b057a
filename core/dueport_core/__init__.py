"""What is true about a dealer's receivables: money, open items, payments, settlements, the journal.

Pure rules on the standard library and msgspec. Nothing here reads a clock, a file or a network;
whatever depends on the day takes ``today`` or ``now``. The README beside this package lists the
modules in reading order.
"""

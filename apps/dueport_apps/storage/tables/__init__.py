"""The tables, one module per area; importing this package completes the metadata.

=============  ==================================================================
``mirror``     accounts, jobs, documents, statements as the ERP has them; sync runs
``people``     portal users, operators, invitations, tokens, keys, sessions
``paying``     quotes, instruments, payments, attempts, reservations
``settling``   settlements, postings, the journal
``platform``   inbound events, mail, audit log, remembered answers
=============  ==================================================================
"""

from dueport_apps.storage.tables import mirror, paying, people, platform, settling
from dueport_apps.storage.tables.base import metadata

__all__ = ["metadata", "mirror", "paying", "people", "platform", "settling"]

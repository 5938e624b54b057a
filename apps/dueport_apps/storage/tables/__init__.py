"""The tables, one module per area; importing this package completes the metadata.

=============  ==================================================================
``mirror``     accounts, jobs, documents, statements as the ERP has them; sync runs
``people``     portal users, operators, tokens, keys, sessions
``inviting``   invitations, their tokens and timeline, campaigns, bounces, enrolment
``paying``     quotes, instruments, payments, attempts, reservations
``settling``   settlements, postings, the journal
``platform``   inbound events, mail, audit log, remembered answers
=============  ==================================================================
"""

from dueport_apps.storage.tables import inviting, mirror, paying, people, platform, settling
from dueport_apps.storage.tables.base import metadata

__all__ = ["inviting", "metadata", "mirror", "paying", "people", "platform", "settling"]

"""Who may cause a change of state."""

from enum import StrEnum


class Actor(StrEnum):
    """Evidence from the processor, our own code, a person, or a timer."""

    PROCESSOR = "processor"
    SYSTEM = "system"
    CUSTOMER = "customer"
    OPERATOR = "operator"
    SCHEDULER = "scheduler"

"""The demo ERP: a small receivables program over files, to see postings arrive exactly once."""

from dueport_apps.sandbox.demo_erp.erp import DemoErp, ErpSettings

__all__ = ["DemoErp", "ErpSettings"]

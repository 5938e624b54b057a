"""What the ``dueport`` commands do; ``dueport_apps.cli`` only reads their arguments."""

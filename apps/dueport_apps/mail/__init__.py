"""Renders the platform's mails.

Use cases say what a mail is about (``dueport_apps.usecases.mails``), deliveries of invitations
bring templates of their own; ``renderer`` turns either into a subject, a text and an HTML part.
"""

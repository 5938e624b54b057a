"""The statements that move mails between states, each one over many rows at once.

They are written out because they depend on what a query builder hides: the conditions must be
those of the partial indexes, and every statement locks its rows in order of number before it
writes them, so that workers, cancelling and recovering never wait for each other in a circle.
"""

from typing import Final

from sqlalchemy import text

from dueport_apps.storage.tables.platform import mail_delivery

_CLAIM: Final = """
    WITH due AS MATERIALIZED (
        SELECT number FROM mail_delivery
        WHERE state = 'queued' AND {which} AND due_at <= :now
        ORDER BY due_at, number
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE mail_delivery
    SET state = 'sending', claim_owner = :owner, handed_at = NULL, changed_at = :now
    FROM due
    WHERE mail_delivery.number = due.number
    RETURNING mail_delivery.number, mail_delivery.due_at
"""
CLAIM_SINGLE: Final = text(_CLAIM.format(which="campaign_id = ''"))
CLAIM_OF_CAMPAIGN: Final = text(
    _CLAIM.format(which="campaign_id = :campaign_id AND campaign_id <> ''")
)

# Campaigns that may send and have something due.
UNDER_WAY: Final = text(
    """
    SELECT campaign_id FROM campaign
    WHERE state = 'sending' AND EXISTS (
        SELECT FROM mail_delivery
        WHERE mail_delivery.campaign_id = campaign.campaign_id
          AND mail_delivery.state = 'queued' AND mail_delivery.campaign_id <> ''
          AND mail_delivery.due_at <= :now
    )
    ORDER BY recipients, started_at, number
    """
)

# Whoever else holds a claimed mail is about to take it back, so it does not go; waiting here, after
# outcomes were recorded in the same transaction, could be waiting in a circle.
_WANTED: Final = """
    wanted AS MATERIALIZED (
        SELECT number FROM mail_delivery
        WHERE delivery_id = ANY(CAST(:ids AS text[]))
          AND state = 'sending' AND claim_owner = :owner
          -- Pausing a campaign holds what was claimed before it too.
          AND NOT EXISTS (
              SELECT FROM campaign
              WHERE campaign.campaign_id = mail_delivery.campaign_id AND campaign.state = 'paused'
          )
        ORDER BY number
        FOR UPDATE SKIP LOCKED
    )
"""
_BEGIN: Final = """
    UPDATE mail_delivery
    SET tries = CASE WHEN handed_at IS NULL THEN tries + 1 ELSE tries END,
        handed_at = :now, changed_at = :now
    FROM wanted
    WHERE mail_delivery.number = wanted.number
    RETURNING mail_delivery.delivery_id
"""
_DECIDED: Final = """
    outcome AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS outcome (
            delivery_id text, state text, code bigint, reason text, due_at timestamptz,
            tried boolean
        )
    ), decided AS MATERIALIZED (
        SELECT mail_delivery.number, outcome.*
        FROM outcome JOIN mail_delivery USING (delivery_id)
        WHERE claim_owner = :owner
          AND (mail_delivery.state = 'sending'
               OR mail_delivery.state = 'unconfirmed' AND outcome.state IN ('sent', 'failed'))
        ORDER BY mail_delivery.number
        FOR UPDATE OF mail_delivery
    )
"""
_FINISH: Final = """
    UPDATE mail_delivery
    SET state = decided.state,
        code = decided.code,
        reason = decided.reason,
        -- What was handed over is counted already.
        tries = CASE
            WHEN decided.state = 'cancelled' THEN tries
            WHEN decided.tried AND handed_at IS NULL THEN tries + 1
            WHEN NOT decided.tried AND handed_at IS NOT NULL THEN tries - 1
            ELSE tries END,
        due_at = CASE
            WHEN decided.state = 'queued' THEN coalesce(decided.due_at, mail_delivery.due_at)
            ELSE mail_delivery.due_at END,
        handed_at = CASE WHEN decided.state = 'queued' THEN NULL ELSE handed_at END,
        -- Who gave up may still learn how it ended.
        claim_owner = CASE WHEN decided.state = 'unconfirmed' THEN claim_owner END,
        sent_at = CASE
            WHEN decided.state = 'sent' THEN CAST(:now AS timestamptz) ELSE sent_at END,
        content_sealed = CASE
            WHEN decided.state IN ('sent', 'failed', 'cancelled') THEN '' ELSE content_sealed END,
        changed_at = :now
    FROM decided
    WHERE mail_delivery.number = decided.number
"""
BEGIN: Final = text(f"WITH {_WANTED} {_BEGIN}").columns(mail_delivery.c.delivery_id)
FINISH: Final = text(f"WITH {_DECIDED} {_FINISH}")
# Both at once, on different rows: one round trip for each group of connections.
RECORD: Final = text(
    f"WITH {_DECIDED}, finished AS ({_FINISH} RETURNING mail_delivery.number), {_WANTED} {_BEGIN}"
).columns(mail_delivery.c.delivery_id)

# Each number is tried once, and what was locked in vain is let go at the end of the transaction.
RECOVER: Final = text(
    """
    WITH owner AS MATERIALIZED (
        SELECT DISTINCT claim_owner FROM mail_delivery WHERE state = 'sending'
    ), dead AS MATERIALIZED (
        SELECT claim_owner FROM owner WHERE pg_try_advisory_xact_lock(claim_owner)
    ), lost AS MATERIALIZED (
        SELECT number FROM mail_delivery
        WHERE state = 'sending' AND claim_owner IN (SELECT claim_owner FROM dead)
        ORDER BY number
        FOR UPDATE
    )
    UPDATE mail_delivery
    SET state = CASE WHEN handed_at IS NULL THEN 'queued' ELSE 'unconfirmed' END,
        -- A worker that was only cut off may still tell how it ended.
        claim_owner = CASE WHEN handed_at IS NOT NULL THEN claim_owner END,
        reason = CASE
            WHEN handed_at IS NULL THEN reason
            ELSE 'Interrupted while it was handed over; it may have arrived.' END
    FROM lost
    WHERE mail_delivery.number = lost.number
    RETURNING mail_delivery.state
    """
).columns(mail_delivery.c.state)

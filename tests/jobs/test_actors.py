"""Who acted: every column that says so is compared with the login, but for a few, each with its why."""

import psycopg

SAID = """
SELECT a.attrelid::regclass::text, a.attname, EXISTS (
    SELECT FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgrelid = a.attrelid AND p.proname = 'compare_actor_v1' AND t.tgenabled IN ('O', 'A')
      AND encode(t.tgargs, 'escape') = a.attname || '\\000'
)
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname IN ('ledger', 'kyc', 'aml', 'privacy')
LEFT JOIN pg_type AS y ON y.oid = a.atttypid
WHERE NOT a.attisdropped AND a.attnum > 0
  AND (y.typname = 'actor' OR a.attname = 'actor' OR a.attname LIKE '%\\_by')
  AND a.atttypid IN ('text'::regtype, 'name'::regtype, 'ledger.actor'::regtype)
"""
NOT_COMPARED = {
    ("ledger.request_decision", "asked_by"): "repeats the request, to which a foreign key holds it",
    ("ledger.officer_change", "officer"): "whom it is about",
    ("ledger.officer", "name"): "whom it is about",
    ("ledger.account_freeze", "actor"): "repeats the change that made it, in a trigger of that",
    ("kyc.evidence", "provider"): "who vouches for evidence, and not who acts",
    ("kyc.provider", "name"): "whom it is about",
    ("kyc.pack_acceptance", "accepted_by"): "who asked, as its approval says",
}


def test_every_column_that_says_who_acted_is_compared_with_the_login(owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        found = {(table, column): compared for table, column, compared in owner.execute(SAID)}
    assert len(found) > 40
    assert {place for place, compared in found.items() if not compared} == {
        place for place in found if place in NOT_COMPARED
    }

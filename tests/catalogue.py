"""All that migrations make in a database, as a set of lines that can be compared with another database's."""

import re

import psycopg

from emoney.jobs.migrate import PACKAGES
from emoney.jobs.revisions import VERSIONS

_OURS = ", ".join(f"'{name}'" for name in (*PACKAGES, VERSIONS))
_IN = f"relnamespace::regnamespace::text IN ({_OURS})"
_MONTH = re.compile(r"\d{4}_\d{2}(?!\d)|(?<=_)before(?=\b|_)")
"""The name of a partition ends so: which months there are follows from when a database was made."""

_QUERIES = {
    "relation": "SELECT oid::regclass::text, relkind::text, relpersistence::text, relrowsecurity,"
    f" relforcerowsecurity, reloptions::text FROM pg_class WHERE {_IN}",
    "column": "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,"
    " attidentity::text, attgenerated::text, attcollation::regcollation::text, pg_get_expr(adbin, adrelid)"
    " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid"
    f" AND adnum = attnum WHERE {_IN} AND relkind NOT IN ('i', 'I') AND attnum > 0 AND NOT attisdropped",
    "constraint": "SELECT conrelid::regclass::text, contypid::regtype::text, conname, convalidated,"
    " pg_get_constraintdef(oid) FROM pg_constraint"
    f" WHERE connamespace::regnamespace::text IN ({_OURS})",
    "index": f"SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname IN ({_OURS})",
    "trigger": "SELECT tgrelid::regclass::text, tgname, tgenabled::text, pg_get_triggerdef(oid)"
    " FROM pg_trigger WHERE NOT tgisinternal",
    "function": "SELECT oid::regprocedure::text, pg_get_functiondef(oid) FROM pg_proc"
    f" WHERE pronamespace::regnamespace::text IN ({_OURS}) AND prokind IN ('f', 'p')",
    "view": "SELECT oid::regclass::text, pg_get_viewdef(oid) FROM pg_class"
    f" WHERE {_IN} AND relkind IN ('v', 'm')",
    "sequence": "SELECT schemaname, sequencename, data_type::text, start_value, min_value, max_value,"
    f" increment_by, cycle, cache_size FROM pg_sequences WHERE schemaname IN ({_OURS})",
    "type": "SELECT oid::regtype::text, typtype::text, typnotnull, typdefault, typbasetype::regtype::text,"
    " (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)"
    f" FROM pg_type t WHERE typnamespace::regnamespace::text IN ({_OURS}) AND typtype IN ('d', 'e', 'r')",
    "policy": "SELECT schemaname, tablename, policyname, permissive, roles::text, cmd, qual, with_check"
    " FROM pg_policies",
    "comment": "SELECT classoid::regclass::text, objoid::regclass::text, objsubid, description"
    " FROM pg_description JOIN pg_class c ON c.oid = objoid AND classoid = 'pg_class'::regclass"
    f" WHERE {_IN}",
    "grant on a relation": "SELECT c.oid::regclass::text, grantee::regrole::text, privilege_type,"
    f" is_grantable FROM pg_class c, aclexplode(relacl) WHERE {_IN} AND grantee <> relowner",
    "grant on a column": "SELECT c.oid::regclass::text, attname, grantee::regrole::text, privilege_type"
    " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid, aclexplode(attacl)"
    f" WHERE {_IN}",
    "grant on a function": "SELECT p.oid::regprocedure::text, grantee::regrole::text, privilege_type"
    " FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner)))"
    f" WHERE pronamespace::regnamespace::text IN ({_OURS}) AND grantee <> proowner",
    "grant on a schema": "SELECT nspname, grantee::regrole::text, privilege_type"
    f" FROM pg_namespace, aclexplode(nspacl) WHERE nspname IN ({_OURS}) AND grantee <> nspowner",
    "grant on a type": "SELECT t.oid::regtype::text, grantee::regrole::text, privilege_type"
    " FROM pg_type t, aclexplode(typacl)"
    f" WHERE typnamespace::regnamespace::text IN ({_OURS}) AND grantee <> typowner",
    "default privilege": "SELECT defaclnamespace::regnamespace::text, defaclobjtype::text, defaclacl::text"
    " FROM pg_default_acl",
    "version": f"SELECT version_num FROM {VERSIONS}.alembic_version",
}


def catalogue(url: str) -> set[tuple[str, ...]]:
    """Columns, constraints, triggers, functions, grants and the rest. `url`: of the database's owner.

    Partitions of months are one, whatever their months: each is made like the others.
    """
    with psycopg.connect(url) as owner:
        return {
            (what, *(_MONTH.sub("MONTH", str(value)) for value in row))
            for what, query in _QUERIES.items()
            for row in owner.execute(query.encode())
        }

"""The shop's migrations. `-x schemas=all`: compare every schema of the database, not only the shop's."""

import models
from alembic import context
from sqlmodel import SQLModel

from emoney import SCHEMAS


def include_name(name, kind, _parents):
    return kind != "schema" or name not in SCHEMAS


with models.engine().connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        include_schemas=context.get_x_argument(as_dictionary=True).get("schemas") == "all",
        include_name=include_name,
    )
    with context.begin_transaction():
        context.run_migrations()

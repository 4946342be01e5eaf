"""The shop's tables; with SHOP_MIGRATES_EMONEY, emoney's as well, in the middle of them."""

import os

import models
import sqlalchemy as sa
from alembic import op

revision = "shop_0001"
down_revision = None


def upgrade() -> None:
    op.create_table("person", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String))
    op.alter_column("person", "name", nullable=False)
    if os.environ.get("SHOP_MIGRATES_EMONEY"):
        from emoney.jobs.installation import init

        assert init(models.URL)
    op.create_table(
        "wallet",
        sa.Column("account", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), nullable=False),
    )
    op.create_table(
        "purchase",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("wallet", sa.Uuid, sa.ForeignKey("wallet.account"), nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in ("purchase", "wallet", "person"):
        op.drop_table(table)

"""The shop's tables, with names that emoney has, too."""

import os
from functools import partial
from uuid import UUID

import psycopg
from sqlalchemy import Engine, create_engine
from sqlmodel import Field, Relationship, SQLModel

URL = os.environ["SHOP_DATABASE_URL"]


class Person(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    wallets: list["Wallet"] = Relationship(back_populates="owner")


class Wallet(SQLModel, table=True):
    account: UUID = Field(primary_key=True)
    person_id: int = Field(foreign_key="person.id")
    owner: Person = Relationship(back_populates="wallets")


class Purchase(SQLModel, table=True):
    id: UUID = Field(primary_key=True)
    wallet: UUID = Field(foreign_key="wallet.account")
    amount: int


def engine() -> Engine:
    """The shop's own pool."""
    return create_engine("postgresql+psycopg://", creator=partial(psycopg.connect, URL))

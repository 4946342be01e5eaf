"""The base of every mapped table: a registry and metadata of the library's own.

An application that embeds the library keeps `SQLModel.metadata` to itself, and may name its classes as it
likes: a `Person` there and one here do not meet.
"""

from sqlalchemy import MetaData
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

_METADATA = MetaData()


class Table(SQLModel, registry=registry(metadata=_METADATA)):
    """`class Row(Table, table=True)`. `Table.metadata`: the tables of the packages imported so far."""

    __mapper_args__ = {"eager_defaults": False}  # what the database makes is read by whoever wants it

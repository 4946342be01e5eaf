"""The value object of a sealed field, and the column type that stores it."""

from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

_SHOWN = "<sealed>"


class Sealed:
    """A field's ciphertext. Prints as `<sealed>`, is equal only to itself and does not pickle.

    `ciphertext`: the bytes as `privacy.vault.vault` lays them out; safe to store, of no use without the key.
    """

    __slots__ = ("ciphertext",)

    ciphertext: bytes

    def __init__(self, ciphertext: bytes) -> None:
        object.__setattr__(self, "ciphertext", bytes(ciphertext))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a sealed field does not change; seal the new value")

    def __repr__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)

    def __copy__(self) -> "Sealed":
        return self

    def __deepcopy__(self, memo: object) -> "Sealed":
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a sealed field is not pickled: it belongs in its column only")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(
            cls, serialization=core_schema.plain_serializer_function_ser_schema(lambda _: _SHOWN)
        )


class SealedText(TypeDecorator[Sealed]):
    """A `bytea` column of sealed text. Takes and gives `Sealed`; anything else is refused.

    In a mapped class: `name: Sealed = Field(sa_type=SealedText)`. `subject`: the column of the same row
    that says whom the value is about; rotation seals anew by it.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, subject: str = "id") -> None:
        super().__init__()
        self.subject = subject

    def process_bind_param(self, value: Sealed | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """The bytes to store. Raises TypeError for a value that was not sealed, without showing it."""
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise TypeError(f"a sealed column takes a Sealed, not {type(value).__name__}: seal it first")
        return value.ciphertext

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Sealed | None:  # noqa: ARG002
        """The stored bytes, still sealed."""
        return None if value is None else Sealed(value)

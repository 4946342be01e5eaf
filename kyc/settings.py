"""The operator's settings of the KYC floor: shipped as examples, replaced by files of the operator's own.

A file `kyc/NAME.yaml` under the installation's home takes the place of the shipped `data/kyc/NAME.yaml`, as a
whole: what applies is always read in one file.
"""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from emoney import data
from emoney.kyc.errors import InvalidSettings

TEXT_MAX = 1_000_000

Model = TypeVar("Model", bound=BaseModel)


def read(name: str, model: type[Model], home: Path | None = None) -> Model:
    """The settings `name`: of the file under `home` where there is one, else as shipped.

    Raises InvalidSettings, saying where and what is wrong.
    """
    own = home / "kyc" / f"{name}.yaml" if home is not None else None
    if own is not None and own.is_file():
        text = own.read_text(encoding="utf-8")
        if len(text) > TEXT_MAX:
            raise InvalidSettings(f"kyc/{name}.yaml: {len(text)} characters; at most {TEXT_MAX} are read")
        return _parsed(f"kyc/{name}.yaml", _yaml(name, text), model)
    return _parsed(f"data/kyc/{name}.yaml", data.read_yaml("kyc", f"{name}.yaml"), model)


def _yaml(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidSettings(f"kyc/{name}.yaml: {error}") from error


def _parsed(where: str, content: Any, model: type[Model]) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidSettings(f"{where}: {path}: {first['msg'].removeprefix('Value error, ')}") from error

"""YAML as DVC reads it: version 1.2, by ruamel.yaml. By version 1.1 `016` is 14, `1:30` 90 and `no` false."""

from __future__ import annotations

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

TWICE = re.compile(r'found duplicate key "(.*?)" with')


def parse_yaml(text: str | bytes) -> Any:  # noqa: ANN401 - YAML is what it is
    """Read a document; a key that stands twice is an error, as it is to DVC.

    Raises:
        ValueError: it is no YAML, or not one document; the text says what is wrong, and in which line.
    """
    try:
        return YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        raise ValueError(_told(error)) from None
    except (YAMLError, RecursionError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def yaml_text(value: Any) -> str:  # noqa: ANN401 - YAML is what it is
    """Write plain values, keys in their order."""
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = io.BytesIO()
    yaml.dump(value, stream)
    return stream.getvalue().decode()


def _told(error: MarkedYAMLError) -> str:
    """Say what is wrong in one line."""
    twice = TWICE.match(error.problem or "")
    said = [f"key '{twice[1]}' stands twice"] if twice else filter(None, (error.context, error.problem))
    mark = error.problem_mark or error.context_mark
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return " ".join(": ".join(said).split()) + place

"""CloudFormation's functions (`Ref`, `Fn::Sub`, …), worked out for one machine.

What is not here raises TemplateError with its name: a template that uses more fails loudly, not strangely.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Stands for a property that is not there (`AWS::NoValue`).
NO_VALUE = object()


class TemplateError(ValueError):
    """The template has something that cannot be worked out here."""


class Resolver:
    """Works out values of a template.

    `values` gives every name that `Ref` may hold (parameters, pseudo parameters, resources); `attributes` what
    `GetAtt` may ask for, as (logical id, attribute).
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        attributes: Mapping[tuple[str, str], Any],
        conditions: Mapping[str, Any],
        mappings: Mapping[str, Any],
    ) -> None:
        self._values = values
        self._attributes = attributes
        self._conditions = conditions
        self._mappings = mappings
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self._condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Equals": self._equals,
            "Fn::Not": lambda tests: not self.resolve(tests[0]),
            "Fn::And": lambda tests: all(self.resolve(test) for test in tests),
            "Fn::Or": lambda tests: any(self.resolve(test) for test in tests),
        }

    def resolve(self, value: Any) -> Any:
        """`value` with every function in it worked out. Raises TemplateError."""
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in self._functions:
                return self._functions[name](argument)
            if name.startswith("Fn::"):
                raise TemplateError(f"{name} is not known here")
        resolved = {str(name): self.resolve(one) for name, one in value.items()}
        return {name: one for name, one in resolved.items() if one is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name not in self._values:
            raise TemplateError(f"Ref to {name}, which has no value")
        return self._values[name]

    def _get_att(self, argument: str | list[str]) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        key = (parts[0], parts[1])
        if key not in self._attributes:
            raise TemplateError(f"GetAtt of {'.'.join(key)}, which has no value")
        return self._attributes[key]

    def _sub(self, argument: str | list[Any]) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        own = self.resolve(own)

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):  # ${!Name} is the literal ${Name}
                return "${" + name[1:] + "}"
            if name in own:
                return str(own[name])
            return str(self._ref(name) if name in self._values or "." not in name else self._get_att(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _join(self, argument: list[Any]) -> str:
        separator, parts = argument
        return str(separator).join(str(part) for part in self.resolve(parts))

    def _select(self, argument: list[Any]) -> Any:
        index, values = argument
        return self.resolve(values)[int(self.resolve(index))]

    def _split(self, argument: list[Any]) -> list[str]:
        separator, text = argument
        return str(self.resolve(text)).split(separator)

    def _if(self, argument: list[Any]) -> Any:
        name, when_true, when_false = argument
        return self.resolve(when_true if self._condition(name) else when_false)

    def _condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"condition {name} is not defined")
        return bool(self.resolve(self._conditions[name]))

    def _find_in_map(self, argument: list[Any]) -> Any:
        table, first, second = (self.resolve(part) for part in argument)
        try:
            return self._mappings[table][first][second]
        except KeyError as error:
            raise TemplateError(f"no entry {table}/{first}/{second}") from error

    def _equals(self, argument: list[Any]) -> bool:
        # CloudFormation compares as text: a parameter of type Number equals 0 and "0".
        first, second = (str(self.resolve(part)) for part in argument)
        return first == second

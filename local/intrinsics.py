"""CloudFormation's functions (`Ref`, `Fn::Sub`, …), as far as template.yaml uses them.

Any other raises TemplateError with its name: a template that uses more fails loudly.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Stands for a property that is not there (`AWS::NoValue`).
NO_VALUE = object()


class TemplateError(ValueError):
    """The template has something that cannot be resolved here."""


class Resolver:
    """Resolves values of a template.

    `values` gives every name that `Ref` may hold (parameters, pseudo parameters, resources); `attributes` what
    `GetAtt` may ask for, as (logical id, attribute).
    """

    def __init__(
        self, values: Mapping[str, Any], attributes: Mapping[tuple[str, str], Any], conditions: Mapping[str, Any]
    ) -> None:
        self._values = values
        self._attributes = attributes
        self._conditions = conditions
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Equals": self._equals,
            "Fn::Not": lambda tests: not self.resolve(tests[0]),
            "Fn::And": lambda tests: all(self.resolve(test) for test in tests),
        }

    def resolve(self, value: Any) -> Any:
        """`value` with every function in it resolved. Raises TemplateError."""
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in self._functions:
                return self._functions[name](argument)
            if name.startswith("Fn::") or (name == "Condition" and isinstance(argument, str)):
                raise TemplateError(f"{name} is not supported by local/intrinsics.py")
        resolved = {str(name): self.resolve(one) for name, one in value.items()}
        return {name: one for name, one in resolved.items() if one is not NO_VALUE}

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template holds. Raises TemplateError."""
        if condition not in self._conditions:
            raise TemplateError(f"condition {condition} is not defined")
        return bool(self.resolve(self._conditions[condition]))

    def _ref(self, name: str) -> Any:
        if name not in self._values:
            raise TemplateError(f"Ref to {name}, which has no value")
        return self._values[name]

    def _get_att(self, argument: str | list[str]) -> Any:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        if (name, attribute) not in self._attributes:
            raise TemplateError(f"GetAtt of {name}.{attribute}, which has no value")
        return self._attributes[name, attribute]

    def _sub(self, text: Any) -> str:
        if not isinstance(text, str):
            raise TemplateError("Fn::Sub with a map of its own is not supported by local/intrinsics.py")

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):  # ${!Name} is the literal ${Name}
                return "${" + name[1:] + "}"
            return str(self._ref(name) if name in self._values or "." not in name else self._get_att(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _if(self, argument: list[Any]) -> Any:
        name, when_true, when_false = argument
        return self.resolve(when_true if self.holds(name) else when_false)

    def _equals(self, argument: list[Any]) -> bool:
        # CloudFormation compares as text: a parameter of type Number equals 0 and "0".
        first, second = (str(self.resolve(part)) for part in argument)
        return first == second

"""How a pipeline calls its networks: noted while it draws, so that each can be exported for exactly those calls.

Pipeline families differ in what they pass (nested dicts, switches, several encoders). Nothing here knows a family: a
call is taken apart into named tensors and a plan, plain JSON, by which arguments or results are put together again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limner.errors import GenerationError

if TYPE_CHECKING:
    import torch

Plan = dict[str, Any]
"""How a value is put together: {"tensor": name}, {"constant": value}, {"items": [...]} (a tuple), {"list": [...]} or
{"fields": {...}}."""

IGNORED = {"generator"}
"""Arguments that decide nothing in the networks that are exported (autoencoders take one and leave it)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a network: its arguments and results as named tensors with their plans."""

    arguments: Plan
    inputs: Mapping[str, torch.Tensor]
    results: Plan
    outputs: Mapping[str, torch.Tensor]


class Record(dict[str, Any]):
    """Results with names, readable as libraries' output objects are: by name, as attribute, by place."""

    def __getitem__(self, key: str | int) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else list(self.values())[key]

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error


def method(part: str) -> str:
    """Which of a network's methods pipelines call: autoencoders decode, all others are called themselves."""
    return "decode" if part == "vae" else "forward"


def bound(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name; those without a say are left out."""
    signature = inspect.signature(function)
    named = dict(signature.bind(*args, **kwargs).arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named |= named.pop(name, {})
    return {name: value for name, value in named.items() if name not in IGNORED}


def taken_apart(value: Any, name: str) -> tuple[Plan, dict[str, torch.Tensor]]:
    """A value as its plan and its tensors, which are named by their way down from `name`.

    Raises:
        GenerationError: something that is neither tensor, number, text nor a collection of those.
    """
    import torch

    if isinstance(value, torch.Tensor):
        return {"tensor": name}, {name: value}
    if value is None or isinstance(value, bool | int | float | str):
        return {"constant": value}, {}
    if type(value).__name__.endswith("Cache"):  # what language models keep for a next token, which none asks for
        return {"constant": None}, {}
    tensors: dict[str, torch.Tensor] = {}
    if isinstance(value, Mapping):
        fields = {}
        for key, part in value.items():
            fields[str(key)], found = taken_apart(part, f"{name}.{key}" if name else str(key))
            tensors |= found
        return {"fields": fields}, tensors
    if isinstance(value, list | tuple):
        items = []
        for place, part in enumerate(value):
            plan, found = taken_apart(part, f"{name}.{place}" if name else str(place))
            items.append(plan)
            tensors |= found
        return {"list" if isinstance(value, list) else "items": items}, tensors
    raise GenerationError(
        f"{name} is a {type(value).__name__}, which no ONNX file can hold. Draw with diffusers:PATH instead."
    )


def put_together(plan: Plan, tensors: Mapping[str, torch.Tensor]) -> Any:
    """The value that was taken apart, with these tensors in it."""
    match plan:
        case {"tensor": name}:
            return tensors[name]
        case {"items": items}:
            return tuple(put_together(item, tensors) for item in items)
        case {"list": items}:
            return [put_together(item, tensors) for item in items]
        case {"fields": fields}:
            return Record({name: put_together(field, tensors) for name, field in fields.items()})
    return plan["constant"]


@contextmanager
def noted(networks: Mapping[str, Any]) -> Iterator[dict[str, list[Call]]]:
    """Note every call of these networks; their tensors are kept by reference.

    Raises:
        GenerationError: a network is called with something that cannot be exported.
    """
    calls: dict[str, list[Call]] = {part: [] for part in networks}
    for part, network in networks.items():
        setattr(network, method(part), _noting(getattr(network, method(part)), calls[part]))
    try:
        yield calls
    finally:
        for part, network in networks.items():
            delattr(network, method(part))


def _noting(function: Callable[..., Any], calls: list[Call]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        arguments, inputs = taken_apart(bound(function, args, kwargs), "")
        results, outputs = taken_apart(result, "out")
        calls.append(Call(arguments, inputs, results, outputs))
        return result

    wrapped.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return wrapped

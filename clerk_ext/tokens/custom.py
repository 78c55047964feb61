"""Custom claims as the caller's own type, checked: TypedDict, attrs class or dataclass. Pure."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, Required, TypeVar, Union, cast

import attrs

from clerk_ext.errors import Reason, TokenVerificationError

T = TypeVar("T")


class _Misfit(Exception):
    """A claim is not what the type wants."""


def read(shape: type[T], claims: Mapping[str, Any]) -> T:
    """Read the claims that *shape* names.

    Raises:
        TokenVerificationError: One is missing or of another type; the message names it, and never shows its value.
        TypeError: *shape* is, or holds, something that JSON cannot give.
    """
    if not _is_record(shape):
        raise TypeError(f"{shape!r} is no TypedDict, attrs class or dataclass")
    try:
        return cast("T", _record(shape, claims, ""))
    except _Misfit as misfit:
        message = f"The token's custom claims do not fit {shape.__name__}: {misfit}."
    raise TokenVerificationError(Reason.TOKEN_VERIFICATION_FAILED, message)


def _is_record(shape: Any) -> bool:
    if typing.is_typeddict(shape):
        return True
    return isinstance(shape, type) and (attrs.has(shape) or dataclasses.is_dataclass(shape))


def _record(shape: Any, value: object, path: str) -> object:
    """An object of *shape* from a JSON object; members that it does not name are left aside."""
    if not isinstance(value, Mapping):
        raise _Misfit(_expected(path, "an object"))
    members = cast("Mapping[str, object]", value)
    found: dict[str, object] = {}
    for name, member, argument, required in _fields(shape):
        where = f"{path}.{name}" if path else name
        if name in members:
            found[argument] = _value(member, members[name], where)
        elif required:
            raise _Misfit(f"the claim {where} is missing")
    if typing.is_typeddict(shape):
        return found
    try:
        return shape(**found)
    except (ValueError, TypeError):  # of a validator or __post_init__, which may show the value
        raise _Misfit(f"{path or 'the whole'} is refused by {shape.__name__}") from None


def _fields(shape: Any) -> list[tuple[str, object, str, bool]]:
    """The fields of *shape*: claim name, type, constructor argument, whether it must be there."""
    hints = typing.get_type_hints(shape, include_extras=True)
    if typing.is_typeddict(shape):
        return [(name, hint, name, _is_required(shape, name, hint)) for name, hint in hints.items()]
    if attrs.has(shape):
        return [
            (field.name, hints[field.name], field.alias or field.name, field.default is attrs.NOTHING)
            for field in attrs.fields(shape)
            if field.init
        ]
    return [
        (
            field.name,
            hints[field.name],
            field.name,
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(shape)
        if field.init
    ]


def _is_required(shape: Any, name: str, hint: object) -> bool:
    # Where annotations are strings, Python counts the class's totality only, and not the field's own mark.
    mark = typing.get_origin(hint)
    return mark is Required or (mark is not NotRequired and name in shape.__required_keys__)


_PLAIN: Mapping[object, tuple[tuple[type, ...], str]] = {
    # bool is an int to Python, and JSON's 1 may be meant for a float.
    str: ((str,), "a string"),
    bool: ((bool,), "true or false"),
    int: ((int,), "an integer"),
    float: ((int, float), "a number"),
    None: ((types.NoneType,), "null"),
    types.NoneType: ((types.NoneType,), "null"),
    dict: ((dict,), "an object"),
    list: ((list,), "an array"),
}


def _value(hint: Any, value: object, path: str) -> object:
    if hint is Any or hint is object:
        return value
    if hint in _PLAIN:
        kinds, name = _PLAIN[hint]
        if type(value) not in kinds:
            raise _Misfit(_expected(path, name))
        return _float(value, path) if hint is float else value
    if _is_record(hint):
        return _record(hint, value, path)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (NotRequired, Required, typing.Annotated):
        return _value(arguments[0], value, path)
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in arguments):
            raise _Misfit(_expected(path, f"one of {', '.join(map(repr, arguments))}"))
        return value
    if origin in (Union, types.UnionType):
        # A choice of the very type comes first: an integer is a number too, yet stays one where int is among them.
        for choice in sorted(arguments, key=lambda choice: choice is not type(value)):
            try:
                return _value(choice, value, path)
            except _Misfit:
                continue
        raise _Misfit(_expected(path, " or ".join(getattr(choice, "__name__", str(choice)) for choice in arguments)))
    if not arguments:
        raise TypeError(f"{path}: say of what {hint!r} consists")
    if origin in (list, tuple, Sequence):
        return _array(origin, arguments, value, path)
    if origin in (dict, Mapping) and arguments[0] is str:
        if not isinstance(value, dict):
            raise _Misfit(_expected(path, "an object"))
        members = cast("dict[str, object]", value)
        return {name: _value(arguments[1], member, f"{path}[…]") for name, member in members.items()}
    raise TypeError(f"{path}: JSON gives no {hint!r}")


def _float(value: Any, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _Misfit(_expected(path, "a number of that size")) from None


def _array(origin: object, arguments: tuple[Any, ...], value: object, path: str) -> object:
    if not isinstance(value, list):
        raise _Misfit(_expected(path, "an array"))
    items = cast("list[object]", value)
    if origin is not tuple or arguments[1:] == (...,):
        read_items = [_value(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(items)]
        return tuple(read_items) if origin is tuple else read_items
    if len(items) != len(arguments):
        raise _Misfit(_expected(path, f"an array of {len(arguments)}"))
    pairs = enumerate(zip(arguments, items, strict=True))
    return tuple(_value(hint, item, f"{path}[{index}]") for index, (hint, item) in pairs)


def _expected(path: str, what: str) -> str:
    return f"the claim {path} is not {what}" if path else f"the claims are not {what}"

"""The types of the functions in a compiled mapping."""

from collections.abc import Callable
from typing import Any

from bridge.mapping.runtime.outcome import Property, Session
from bridge.records import Record

FilterFunction = Callable[[Record, Any], bool]
ReadUid = Callable[[Record, Any], str | None]
ReadText = Callable[[Record, Any], str]
ReadSession = Callable[[Record, Any], Session]
ReadProperty = Callable[[Record, Any], Property | None]

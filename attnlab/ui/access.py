"""Whose app this is. Its owner's, who may open any folder and any model of the hub; or shared: shipped models and those the host listed.

It is shared when the host says so (ATTNLAB_SHARED=1), when the server listens to more than this machine, and for a visit that came
through a proxy or under another name than this machine's own.
"""

import os
import tomllib
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from socket import gethostname

import streamlit as st
from streamlit import config
from streamlit.runtime import exists

from attnlab.models.load import names
from attnlab.models.spec import trained_name
from attnlab.training.limits import SETTINGS
from attnlab.words import InputError, say

SHARED = "ATTNLAB_SHARED"
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


def allowed(name: str) -> str:
    """The name itself, where this visit may open it. Raises InputError, the same for everything that is not to be opened."""
    if name in names() or trained_name(name) in names() or not shared() or listed(trained_name(name)):
        return name
    raise InputError("server.not_here", known=", ".join([*names(), *host_list()]))


def listed(name: str) -> bool:
    """Whether the host listed this name, or a folder that holds this one. Links and dots are followed first."""
    if name in host_list():
        return True
    try:
        place = Path(name).resolve()
        return any(place.is_relative_to(Path(entry).resolve()) for entry in host_list() if entry.startswith(("/", ".")))
    except (OSError, RuntimeError, ValueError):
        return False


@cache
def host_list() -> tuple[str, ...]:
    """`models` of the section [shared] of .streamlit/attnlab.toml: names of the hub, and folders. Raises ValueError for other values."""
    said = tomllib.loads(SETTINGS.read_text("utf-8")).get("shared", {}).get("models", []) if SETTINGS.is_file() else []
    if not isinstance(said, list) or not all(isinstance(entry, str) for entry in said):
        raise ValueError(f"models must be a list of names; got {said!r}")
    return tuple(said)


def for_others() -> bool:
    """Whether the whole server is for others than its owner."""
    return os.environ.get(SHARED, "") not in ("", "0") or not bound_to_loopback()


def shared() -> bool:
    """Whether this visit is a guest's."""
    if for_others():
        return True
    if not exists():
        return False
    headers = {name.lower(): value for name, value in st.context.headers.to_dict().items()}
    return any(name in headers for name in FORWARDED) or not is_loopback(host_of(headers.get("host", "localhost")))


def bound_to_loopback() -> bool:
    """Whether only this machine can reach the server."""
    return not exists() or is_loopback(str(config.get_option("server.address") or ""))


def is_open() -> str:
    """What the start says to the host: whether the app is theirs alone or shared, and the address to give to others."""
    port = config.get_option("server.port")
    if not for_others():
        return say("server.start_own", port=port)
    host = str(config.get_option("server.address") or "")
    return say("server.start_shared", host=gethostname() if host in ("", "0.0.0.0", "::") else host, port=port)


def host_of(header: str) -> str:
    """The name in a Host header, without its port."""
    return header[1:].partition("]")[0] if header.startswith("[") else header.rpartition(":")[0] or header


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

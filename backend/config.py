"""Settings, from the environment and ``.env``, under one prefix. Nothing is read at import."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from backend.errors import ConfigurationError
from backend.lazy import Lazy
from backend.setting import Choice, Names, SecretStr, read, setting

if TYPE_CHECKING:
    import dotenv
else:
    dotenv = Lazy("dotenv")

PREFIX = "CONVERSA_"
ENV_FILE = ".env"

LogLevel = Literal["critical", "error", "warning", "info", "debug"]
PEPPER_CHARACTERS = 32
ADDRESS = re.compile(r"https?://")
SECRET_KEEPING = re.compile(r"https://|http://(localhost|127\.[0-9.]+|\[::1\])([:/]|$)")
ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


def _lower(names: Names) -> Names:
    return tuple(name.lower() for name in names)


def _networks(proxies: Names) -> Names:
    for proxy in proxies:
        try:
            ip_network(proxy)
        except ValueError:
            raise ValueError("must be addresses or networks such as 10.0.0.0/8") from None
    return proxies


def _long_pepper(pepper: SecretStr) -> SecretStr:
    if 0 < len(pepper.get_secret_value()) < PEPPER_CHARACTERS:
        raise ValueError(f"must have {PEPPER_CHARACTERS} characters or more")
    return pepper


def _known_limiter(url: SecretStr) -> SecretStr:
    schemes = ("redis://", "rediss://", "unix://")
    if url.get_secret_value() and not url.get_secret_value().startswith(schemes):
        raise ValueError("must be empty or redis://host")
    return url


def _exact_origins(origins: Names) -> Names:
    for origin in (lowered := _lower(origins)):
        if not ORIGIN.fullmatch(origin):
            raise ValueError("must be origins such as https://chat.example, without a path")
    return lowered


def _known_database(url: str) -> str:
    if not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise ValueError("must start with sqlite:/// or postgresql://")
    if url in ("sqlite:///", "sqlite:///:memory:"):
        raise ValueError("must name a file: data kept in memory would be lost")
    return url


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, frozen. ``docs/configuration.md`` is held against these fields by a test."""

    database_url: str = setting(
        "sqlite:///data/conversa.db",
        check=_known_database,
        shown=False,
        description="Where the data lies: sqlite:///path/to/file.db or "
        "postgresql://user@host/name.",
    )
    host: str = setting("127.0.0.1", description="Address to listen on.")
    port: int = setting(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    log_level: LogLevel = setting("info", description="How much is logged.")
    synchronous: Literal["full", "normal"] = setting(
        "full",
        description="SQLite only. full: an acknowledged write survives a power cut; "
        "normal: it survives a killed process, and a power cut may take the last moments.",
    )
    read_connections: int = setting(
        4, ge=1, le=64, description="Connections kept for reading, in each process."
    )
    write_connections: int = setting(
        4,
        ge=1,
        le=64,
        description="PostgreSQL only: connections kept for writing, a process.",
    )
    pool_timeout: float = setting(
        10.0, gt=0, le=300, description="Seconds to wait for a free connection before giving up."
    )
    upload_megabytes: int = setting(
        2048, ge=1, description="Largest file taken by the REST import, in MiB."
    )
    events_url: str = setting(
        "",
        shown=False,
        description="How processes tell each other of changes: empty for the database's own way "
        "(looking at the SQLite file, PostgreSQL's LISTEN), local: for a single process, or "
        "redis://host for Redis.",
    )
    stream_idle_seconds: float = setting(
        120.0,
        gt=0,
        description="A message being written that gets no text for so long becomes INCOMPLETE.",
    )
    playground: bool = setting(
        True,
        description="Whether /graphql shows GraphiQL to a browser; never in the production "
        "profile.",
    )
    profile: Literal["development", "production"] = setting(
        "development",
        description="production: no introspection, no suggestions, no playground, HSTS on, and "
        "GET from an unknown page needs a header that proves its origin.",
    )
    http_profile: Literal["default", "2026-09"] = setting(
        "default",
        description="The status codes of GraphQL over HTTP. default: those that every client "
        "knows; 2026-09: those of the specification's edition of September 2026 (422, 294).",
    )
    request_megabytes: int = setting(
        20, ge=1, le=1024, description="Largest body of a GraphQL request, in MiB."
    )
    request_timeout: float = setting(
        30.0,
        gt=0,
        le=3600,
        description="Seconds after which a request that has no answer yet is ended. "
        "Imports by REST last as long as their file.",
    )
    keep_alive: float = setting(
        12.0, gt=0, le=300, description="Seconds between signs of life on a silent HTTP stream."
    )
    stream_seconds: float = setting(
        3600.0,
        gt=0,
        description="Seconds after which an HTTP stream is ended; its client resumes by its "
        "cursor.",
    )
    documents: Literal["open", "locked"] = setting(
        "open", description="locked: only the trusted documents are executed."
    )
    trusted_documents: str = setting(
        "",
        description="File of trusted documents: persisted documents of Relay or graphql-codegen, "
        "or an operation manifest of Apollo. Empty: none.",
    )
    cors_origins: Names = setting(
        (),
        check=_exact_origins,
        description="Origins, with commas between them, whose pages may call this server, such as "
        "https://chat.example. Empty: only its own.",
    )
    allowed_hosts: Names = setting(
        (),
        check=_lower,
        description="Names, with commas between them, under which this server answers. Empty: "
        "localhost and loopback addresses where it listens on one, any name elsewhere.",
    )

    auth: Literal["none", "keys", "jwt"] = setting(
        "none",
        description="Who is asking. none: always the one local owner; keys: the owner of an API "
        "key made by `python app.py keys create`; jwt: the subject of a token from an issuer.",
    )
    allow_open: Literal["", "yes-i-understand"] = setting(
        "",
        description="Where nobody has to say who he is, the server listens on loopback alone, "
        "unless this is yes-i-understand: whoever reaches it then owns the chats.",
    )
    key_pepper: SecretStr = setting(
        SecretStr(""),
        check=_long_pepper,
        description="What API keys are hashed with, 32 characters or more. Empty: a file of mode "
        "0600 beside the SQLite database, made when first needed.",
    )
    jwks: str = setting(
        "", description="The issuer's public keys: an https address, or a file. For jwt."
    )
    jwt_issuer: str = setting("", description="The `iss` that tokens must have. For jwt.")
    jwt_audience: str = setting("", description="The `aud` that tokens must have. For jwt.")
    jwt_algorithms: Names = setting(
        ("RS256", "ES256", "EdDSA"),
        description="Algorithms tokens may be signed with, with commas between them. For jwt.",
    )
    jwt_leeway: int = setting(
        30, ge=0, le=300, description="Seconds by which the clocks of issuer and server may differ."
    )
    jwt_scopes_claim: str = setting(
        "",
        description="The claim that lists what a token may do (read, write, admin). Empty: every "
        "token may read and write.",
    )
    jwt_scope_prefix: str = setting(
        "", description="What stands before each of our scopes in that claim, such as `chat:`."
    )
    rate_url: SecretStr = setting(
        SecretStr(""),
        check=_known_limiter,
        description="Where the rate is counted. Empty: in each process by itself; redis://host for "
        "all processes together.",
    )
    rate_owner_points: Choice = setting(
        None,
        ge=0,
        description="Cost points an owner may take at once; 0: any number. Empty: 100000, and any "
        "number in the mode none.",
    )
    rate_owner_refill: float = setting(
        2000.0, gt=0, description="Cost points an owner gets back in a second."
    )
    rate_address_points: Choice = setting(
        None,
        ge=0,
        description="Cost points one address may take at once; 0: any number. Empty: 400000, and "
        "any number in the mode none.",
    )
    rate_address_refill: float = setting(
        8000.0, gt=0, description="Cost points an address gets back in a second."
    )
    connections_per_owner: Choice = setting(
        None,
        ge=0,
        description="Sockets and streams an owner may hold open in each process; 0: any number. "
        "Empty: 100, and any number in the mode none.",
    )
    connections_per_address: Choice = setting(
        None,
        ge=0,
        description="The same for one address. Empty: 1000, and any number in the mode none.",
    )
    trusted_proxies: Names = setting(
        (),
        check=_networks,
        description="Addresses or networks of proxies, with commas between them, whose "
        "X-Forwarded-For and X-Forwarded-Proto are believed.",
    )
    statement_timeout: float = setting(
        30.0,
        ge=0,
        le=3600,
        description="Seconds after which the database ends a statement of the server; 0: never.",
    )
    log_format: Literal["plain", "json"] = setting(
        "plain", description="How lines are logged: for people, or as an object each."
    )

    embedder_model: str = setting(
        "", description="What the API is asked for as `model`. For an embedder behind an address."
    )
    embedder_dimensions: int = setting(
        0,
        ge=0,
        le=16_384,
        description="How long its vectors are. For an embedder behind an address.",
    )
    embedder_key: SecretStr = setting(
        SecretStr(""), description="The key it is asked with; empty: none. Over https or loopback."
    )
    embedder_query_prefix: str = setting(
        "", description="What the model wants before what is looked for, such as `query: `."
    )
    embedder_passage_prefix: str = setting(
        "", description="What the model wants before what is to be found, such as `passage: `."
    )
    embedder_threads: int = setting(
        1, ge=1, le=64, description="Cores that a model in this process may use."
    )
    embedder: str = setting(
        "",
        description="What makes vectors of messages, so that search goes by meaning too. Empty: "
        "nothing; a folder that `python app.py models fetch` has filled; or the address of an API "
        "like OpenAI's up to before /embeddings, such as https://host/v1.",
    )

    def unless_open(self, chosen: int | None, otherwise: int) -> int:
        """A limit as it was chosen; if it was not, a default, or none (0) in the mode none."""
        if chosen is not None:
            return chosen
        return 0 if self.auth == "none" else otherwise

    def model_copy(self, *, update: Mapping[str, Any]) -> Settings:
        """The same settings but for those."""
        return replace(self, **update)


def load_settings(*, env_file: str | None = ENV_FILE, **overrides: Any) -> Settings:
    """The settings in force: the overrides, else what the environment says, else the file, else
    the defaults. Raises ConfigurationError with one line that names the wrong one."""
    given = dict(_told(_lines_of(env_file))) | dict(_told(os.environ)) | overrides
    settings = Settings(**_checked(given))
    _check_askable(settings)
    return settings


def _lines_of(env_file: str | None) -> Mapping[str, str | None]:
    if env_file is None or not Path(env_file).exists():
        return {}
    return dotenv.dotenv_values(env_file)


def _told(variables: Mapping[str, str | None]) -> Iterator[tuple[str, object]]:
    """The settings among variables, whose names may be written in any case."""
    names = {PREFIX + each.name.upper(): each.name for each in fields(Settings)}
    for variable, value in variables.items():
        if value is not None and (name := names.get(variable.upper())):
            yield name, value


def _checked(given: dict[str, object]) -> dict[str, Any]:
    """Each setting as what it is to be; the first that is wrong is named."""
    hints = get_type_hints(Settings)
    checked: dict[str, Any] = dict(given)
    for each in fields(Settings):
        if each.name in given:
            try:
                checked[each.name] = read(hints[each.name], given[each.name], **each.metadata)
            except ValueError as error:
                raise _wrong(each.name, str(error)) from None
    return checked


def _check_askable(settings: Settings) -> None:
    """An embedder behind an address needs more, and keeps its key from others."""
    if not ADDRESS.match(settings.embedder):
        return
    for name in ("embedder_model", "embedder_dimensions"):
        if not getattr(settings, name):
            raise _wrong("embedder", f"an address needs {PREFIX}{name.upper()} as well")
    key = settings.embedder_key.get_secret_value()
    if key and not SECRET_KEEPING.match(settings.embedder):
        raise _wrong("embedder", "a key is sent over https, or to this machine alone")


def _wrong(name: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"{PREFIX}{name.upper()}: {reason}")

"""Settings, from the environment and ``.env``, under one prefix. Nothing is read at import."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backend.errors import ConfigurationError

PREFIX = "CONVERSA_"

LogLevel = Literal["critical", "error", "warning", "info", "debug"]
Names = Annotated[tuple[str, ...], NoDecode]
"""Names with commas between them."""
ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


class Settings(BaseSettings):
    """Every setting, frozen. ``docs/configuration.md`` is held against these fields by a test."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: str = Field(
        "sqlite:///data/conversa.db",
        description="Where the data lies: sqlite:///path/to/file.db or postgresql://user@host/name.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    log_level: LogLevel = Field("info", description="How much is logged.")
    synchronous: Literal["full", "normal"] = Field(
        "full",
        description="SQLite only. full: an acknowledged write survives a power cut; "
        "normal: it survives a killed process, and a power cut may take the last moments.",
    )
    read_connections: int = Field(
        4, ge=1, le=64, description="Connections kept for reading, in each process."
    )
    write_connections: int = Field(
        4,
        ge=1,
        le=64,
        description="PostgreSQL only: connections kept for writing, a process.",
    )
    pool_timeout: float = Field(
        10.0, gt=0, le=300, description="Seconds to wait for a free connection before giving up."
    )
    upload_megabytes: int = Field(
        2048, ge=1, description="Largest file taken by the REST import, in MiB."
    )
    events_url: str = Field(
        "",
        description="How processes tell each other of changes: empty for the database's own way "
        "(looking at the SQLite file, PostgreSQL's LISTEN), local: for a single process, or "
        "redis://host for Redis.",
    )
    stream_idle_seconds: float = Field(
        120.0,
        gt=0,
        description="A message being written that gets no text for so long becomes INCOMPLETE.",
    )
    playground: bool = Field(
        True,
        description="Whether /graphql shows GraphiQL to a browser; never in the production profile.",
    )
    profile: Literal["development", "production"] = Field(
        "development",
        description="production: no introspection, no suggestions, no playground, HSTS on, and "
        "GET from an unknown page needs a header that proves its origin.",
    )
    http_profile: Literal["default", "2026-09"] = Field(
        "default",
        description="The status codes of GraphQL over HTTP. default: those that every client knows; "
        "2026-09: those of the specification's edition of September 2026 (422, 294).",
    )
    request_megabytes: int = Field(
        20, ge=1, le=1024, description="Largest body of a GraphQL request, in MiB."
    )
    request_timeout: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="Seconds after which a GraphQL request that has no answer yet is ended.",
    )
    keep_alive: float = Field(
        12.0, gt=0, le=300, description="Seconds between signs of life on a silent HTTP stream."
    )
    stream_seconds: float = Field(
        3600.0,
        gt=0,
        description="Seconds after which an HTTP stream is ended; its client resumes by its cursor.",
    )
    documents: Literal["open", "locked"] = Field(
        "open", description="locked: only the trusted documents are executed."
    )
    trusted_documents: str = Field(
        "",
        description="File of trusted documents: persisted documents of Relay or graphql-codegen, or "
        "an operation manifest of Apollo. Empty: none.",
    )
    cors_origins: Names = Field(
        (),
        description="Origins, with commas between them, whose pages may call this server, such as "
        "https://chat.example. Empty: only its own.",
    )
    allowed_hosts: Names = Field(
        (),
        description="Names, with commas between them, under which this server answers. Empty: "
        "localhost and loopback addresses where it listens on one, any name elsewhere.",
    )

    @field_validator("cors_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, names: object) -> object:
        if isinstance(names, str):
            return tuple(name.strip().lower() for name in names.split(",") if name.strip())
        return names

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError("must be origins such as https://chat.example, without a path")
        return origins

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("must start with sqlite:/// or postgresql://")
        if url in ("sqlite:///", "sqlite:///:memory:"):
            raise ValueError("must name a file: data kept in memory would be lost")
        return url


def load_settings(**overrides: object) -> Settings:
    """The settings in force; raises ConfigurationError with one line that names the wrong one."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(f"{name}: {first['msg']}") from None

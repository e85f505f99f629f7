"""Settings, from the environment and ``.env``, under one prefix. Nothing is read at import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.errors import ConfigurationError

PREFIX = "CONVERSA_"

LogLevel = Literal["critical", "error", "warning", "info", "debug"]


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
    playground: bool = Field(True, description="Whether /graphql shows GraphiQL to a browser.")

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

"""Where things run: one frozen settings model with explicit precedence.

Command line (keyword arguments) over environment (`SPYMASTER_…`) over `conf/settings.yaml` over the
defaults below. Unknown fields are refused; so is an environment variable that looks like a
misspelt setting, since it would silently leave the default in force.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.model import FrozenModel, describe

PREFIX = "SPYMASTER_"
HOME_VARIABLE = f"{PREFIX}HOME"


class SparkSettings(FrozenModel):
    """How a local Spark session is built; a platform's own session is used as it is.

    Attributes:
        master: Spark master; null leaves it to spark-submit, else `local[*]`.
        driver_memory: heap of a JVM that this process starts; spark-submit passes its own.
        shuffle_partitions: partitions of a shuffle; the tables between stages are small.
        conf: further Spark settings, applied last.
    """

    master: str | None = None
    driver_memory: str = "4g"
    shuffle_partitions: int = Field(default=2, ge=1)
    conf: dict[str, str] = Field(default_factory=dict)


class LogSettings(FrozenModel):
    """What is logged, always to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """The settings of a process.

    Attributes:
        home: folder that holds `conf/` and `manifests/`.
        data_root: absolute path or URI of the lake.
        parallel_stages: stages without mutual dependency that run side by side.
        submitter: run stages in this process, or each as one spark-submit.
        spark: how to build a local session.
        log: logging.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__"
    )

    home: Path
    data_root: str = "./data"
    parallel_stages: int = Field(default=2, ge=1, le=16)
    submitter: Literal["local", "spark-submit"] = "local"
    spark: SparkSettings = SparkSettings()
    log: LogSettings = LogSettings()

    @property
    def conf_dir(self) -> Path:
        """`conf/`."""
        return self.home / "conf"

    @property
    def manifests_dir(self) -> Path:
        """`manifests/`."""
        return self.home / "manifests"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, YAML, in this order."""
        home = Path(init_settings()["home"])
        return init_settings, env_settings, InitSettingsSource(settings_cls, _yaml(home))


def find_home(environ: Mapping[str, str] | None = None) -> Path:
    """The folder that holds `conf/` and `manifests/`.

    `SPYMASTER_HOME` if set, else the folder of the package's checkout, else the current directory.

    Raises:
        ConfigError: if none of them holds both folders.
    """
    environ = os.environ if environ is None else environ
    named = environ.get(HOME_VARIABLE)
    tried = [Path(named)] if named else [Path(__file__).resolve().parents[2], Path.cwd()]
    for folder in tried:
        if (folder / "conf").is_dir() and (folder / "manifests").is_dir():
            return folder.resolve()
    raise ConfigError(
        f"No folder with conf/ and manifests/ at {' or '.join(map(str, tried))}; "
        f"set {HOME_VARIABLE} to the checkout of the project"
    )


def load_settings(*, home: Path | None = None, **given: Any) -> Settings:
    """The settings of this process.

    Args:
        home: folder with conf/ and manifests/; found when None.
        given: values from the command line; None means not given.

    Raises:
        ConfigError: naming the field, the rule and the value.
    """
    _refuse_typos()
    home = (home or find_home()).resolve()
    explicit = {key: value for key, value in given.items() if value is not None}
    try:
        settings = Settings(home=home, **explicit)
    except ValidationError as exc:
        raise ConfigError(
            f"settings ({home.name}/conf/settings.yaml, {PREFIX}*): {describe(exc)}"
        ) from exc
    from_caller = "data_root" in explicit or f"{PREFIX}DATA_ROOT" in os.environ
    base = Path.cwd() if from_caller else home
    return settings.model_copy(update={"data_root": _absolute(settings.data_root, base)})


def _absolute(root: str, base: Path) -> str:
    """A root in the command line or environment is relative to the caller, in YAML to `home`."""
    if not root.strip():
        raise ConfigError("data_root: must name a folder or a URI (found '')")
    return root.rstrip("/") if "://" in root else str((base / Path(root).expanduser()).resolve())


def _yaml(home: Path) -> dict[str, Any]:
    path = home / "conf" / "settings.yaml"
    if not path.is_file():
        return {}
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"conf/settings.yaml: must be a mapping (found {type(data).__name__})")
    return data


def _refuse_typos() -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    for variable in os.environ:
        if not variable.startswith(PREFIX) or variable.split("__")[0] in known:
            continue
        matches = difflib.get_close_matches(variable, known, n=1, cutoff=0.85)
        if matches:
            raise ConfigError(
                f"Unknown environment variable {variable!r}. Did you mean {matches[0]!r}?"
            )

"""Where things lie and how the pit wall behaves, from arguments, environment and `pitwall.toml`.

Arrives: `PITWALL_*` variables, a `.toml` file of the working directory. Leaves: a checked, frozen `Settings`.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from schemas.errors import SettingsRejected
from schemas.secret import redacted


class _Toml(TomlConfigSettingsSource):
    def _read_file(self, file_path: Any) -> dict[str, Any]:  # noqa: ANN401 - a path, or one inside a package
        """Editors of Windows put a mark before UTF-8 text."""
        return tomllib.loads(file_path.read_text(encoding="utf-8-sig"))


class Settings(BaseSettings):
    """Settings; an argument wins over the environment, the environment over `pitwall.toml`, that over the default."""

    model_config = SettingsConfigDict(
        env_prefix="PITWALL_", toml_file="pitwall.toml", frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    home: Path = Path("pitwall-data")
    """Folder of the lake, the models and (by default) the catalog."""
    catalog: str = Field(default="", repr=False)
    """URL of the catalog: empty for a SQLite file in the home, or `postgresql+psycopg://user@host/database`."""
    landing: Path | None = None
    """The engine's export folder (`<Project>/Saved/Training/Exports`), which the scheduled ingest reads."""
    source_files: Literal["keep", "archive", "delete"] = "keep"
    """What becomes of the engine's file once its rows are committed. Rejected files always stay."""
    archive: Path | None = None
    """Where `source_files = "archive"` moves them; default: `archived` in the home."""
    engine_models_dir: Path | None = None
    """The engine's model folder (`<Project>/Saved/Training/Models`); set, each new version is written there too."""
    engine_model_name: str = Field(default="pitwall_v{version}", pattern=r"^[\w.{}-]+$", max_length=100)
    """File name there, without `.json`; `{version}` becomes the version."""
    claims: Literal["check", "ignore"] = "check"
    """What a rollout's `policy_version` is. check: a version of this lake, and a rollout whose values are not that
    version's is not trained on; ignore: a count of the engine's own, and the values alone tell who drove."""
    promotion: Literal["hand", "returns"] = "hand"
    """Who makes a version champion. returns: after each ingest the returns of what the engine drove decide, and when
    they fell, the engine gets the champion back."""
    promotion_risk: float = Field(default=0.5, ge=0, le=1)
    """A version is promoted unless it is worse than the champion with more than this probability (bootstrap)."""
    promotion_episodes: int = Field(default=20, ge=1, le=200)
    """Whole episodes that a version must have driven before it is judged by returns."""
    new_rollouts: int = Field(default=1, ge=1)
    """`pitwall up` and `pitwall watch` train by themselves as soon as so many rollouts are new to training."""
    batch_rows: int = Field(default=262_144, ge=1)
    """Ingest commits about this many experiences as one partition; it bounds the memory."""
    max_file_mib: int = Field(default=64, ge=1, le=1024)
    """A file of more MiB, unpacked, is neither a rollout nor a policy: it is refused before it is read. The largest
    that the engine writes has 8."""
    max_columns: int = Field(default=4096, ge=1)
    """Names of observations, actions and reward terms in the lake, each a column of every query: a file that brings
    more is rejected, as is one whose set of columns is one too many (64 sets of so many; of fewer more)."""
    compact_rows: int = Field(default=262_144, ge=1)
    """Upkeep joins small partitions of a run into ones of about this many experiences; one rollout is never split."""
    keep_rollouts: int | None = Field(default=None, ge=1)
    """Upkeep drops rollouts that are not among the newest so many; empty: never. What a living version needs stays."""
    keep_days: float | None = Field(default=None, gt=0)
    """Upkeep drops rollouts that came in longer ago; empty: never. With `keep_rollouts` each keeps what it wants."""
    keep_models: int | None = Field(default=None, ge=1)
    """Upkeep drops the weights of versions that are not among the newest so many and have no alias; empty: never."""
    grace_days: float = Field(default=7, ge=0)
    """Files that nothing refers to are deleted this much later, and nothing younger is dropped or deleted.
    Below the length of a training or a query it takes their files; 0 only where nothing else is at work."""
    release_pinned: bool = False
    """Also delete retired partitions that windows of living versions name, once the same rows (by hash) lie in a
    newer one, where those windows then read them. Off: they stay, bit for bit the files of the manifest."""
    reports: bool = True
    """`pitwall watch` and the drop-in of the Unreal plugin write a page about each version that they train, after the
    engine has got it: some three seconds. (By hand: pitwall report)"""
    tensorboard: Path | None = None
    """Folder for TensorBoard's event files; set, each trained version is written there (pitwall[tensorboard])."""
    mlflow: str = Field(default="", repr=False)
    """URI of an MLflow server or database (`sqlite:///mlflow.db`); set, each trained version becomes a run and
    a version of a registered model there (pitwall[mlflow])."""
    settle_seconds: float = Field(default=1.0, ge=0)
    """A freshly written file that does not parse is looked at again after this time before it counts as broken."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then `pitwall.toml`."""
        return init_settings, env_settings, _Toml(settings_cls)

    @classmethod
    def origins(cls, **arguments: object) -> dict[str, str]:
        """Where each setting's value comes from: argument, its variable, pitwall.toml or default."""
        given = {name for name, value in arguments.items() if value is not None}
        variables, file = EnvSettingsSource(cls)(), _Toml(cls)()
        return {
            name: "argument"
            if name in given
            else f"PITWALL_{name.upper()}"
            if name in variables
            else "pitwall.toml"
            if name in file
            else "default"
            for name in cls.model_fields
        }

    @classmethod
    def load(cls, **arguments: object) -> Self:
        """The settings in force here; arguments that are None do not count.

        Raises:
            SettingsRejected: a value or a key is unusable; the text names it.
        """
        try:
            return cls(**{key: value for key, value in arguments.items() if value is not None})  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                known = ", ".join(cls.model_fields)
                raise SettingsRejected(
                    f"there is no setting {name!r}; there are {known}. See: pitwall settings"
                ) from error
            raise SettingsRejected(
                f"setting {name!r} is {redacted(repr(first.get('input')))}: {redacted(first['msg'])}. "
                f"Set it in pitwall.toml or as PITWALL_{name.upper()}; see: pitwall settings"
            ) from None  # pydantic's own text repeats every value
        except ValueError as error:  # the TOML itself
            raise SettingsRejected(
                f"pitwall.toml cannot be read: {error}. In paths write / or put them in single quotes"
            ) from error

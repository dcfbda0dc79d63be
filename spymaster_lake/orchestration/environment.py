"""Builds the environment of a process: settings, lake, instrument profiles, Spark on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.contracts.settings import Settings
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.orchestration.types import Environment, SparkProvider


class Profiles(Mapping[str, InstrumentProfile]):
    """Instrument profiles by instrument; an unknown instrument lists near matches."""

    def __init__(self, profiles: Mapping[str, InstrumentProfile]) -> None:
        self._profiles = dict(profiles)

    def __getitem__(self, instrument: str) -> InstrumentProfile:
        if instrument not in self._profiles:
            raise UnknownNameError("instrument", instrument, self._profiles)
        return self._profiles[instrument]

    def __contains__(self, instrument: object) -> bool:
        return instrument in self._profiles

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._profiles))

    def __len__(self) -> int:
        return len(self._profiles)


def build_environment(settings: Settings) -> Environment:
    """The environment of this process; starts nothing."""

    def start() -> object:
        from spymaster_lake.orchestration.spark_session import get_spark

        return get_spark(settings)

    return Environment(
        settings=settings,
        resolver=LakePathResolver(settings.data_root),
        filesystem=LakeFileSystem.of(settings.data_root),
        profiles=Profiles(load_profiles(settings.conf_dir)),
        spark_factory=SparkProvider(start),
    )

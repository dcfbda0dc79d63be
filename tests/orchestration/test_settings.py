"""Settings: command line over environment over YAML over defaults; typos are refused."""

from __future__ import annotations

import pytest

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.settings import find_home, load_settings
from tests.orchestration.small_project import REPOSITORY


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project folder with settings, and no variable set."""
    for name in ("SPYMASTER_HOME", "SPYMASTER_DATA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "conf").mkdir()
    (tmp_path / "manifests").mkdir()
    (tmp_path / "conf" / "settings.yaml").write_text(
        "data_root: ./from_yaml\nspark: {shuffle_partitions: 3}\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("given", "variable", "expected"),
    [
        ("/given", "/variable", "/given"),
        (None, "/variable", "/variable"),
        (None, None, "{home}/from_yaml"),
        ("abfss://lake@account/root/", None, "abfss://lake@account/root"),
        ("memory://lake", "/variable", "memory://lake"),
    ],
)
def test_data_root__precedence(home, monkeypatch, given, variable, expected):
    """Command line, then environment, then YAML; a URI stays a URI."""
    if variable:
        monkeypatch.setenv("SPYMASTER_DATA_ROOT", variable)
    assert load_settings(home=home, data_root=given).data_root == expected.format(home=home)


def test_data_root__relative_paths(home, monkeypatch):
    """What a caller gives is relative to where the caller stands; YAML is relative to the project."""
    elsewhere = home / "notebooks"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load_settings(home=home, data_root="x").data_root == f"{elsewhere}/x"
    assert load_settings(home=home).data_root == f"{home}/from_yaml"


def test_yaml__nested_values_and_environment(home, monkeypatch):
    """Nested fields come from YAML and can be set by a variable."""
    assert load_settings(home=home).spark.shuffle_partitions == 3
    monkeypatch.setenv("SPYMASTER_SPARK__SHUFFLE_PARTITIONS", "7")
    assert load_settings(home=home).spark.shuffle_partitions == 7


def test_yaml__absent_file_gives_the_defaults(home):
    """Without settings.yaml the lake is ./data of the project."""
    (home / "conf" / "settings.yaml").unlink()
    assert load_settings(home=home).data_root == f"{home}/data"


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("dataroot: x", "dataroot: Extra inputs are not permitted"),
        ("spark: {mastr: local}", "spark.mastr: Extra inputs"),
        ("parallel_stages: 0", "parallel_stages: Input should be greater"),
        ("- 1", "must be a mapping"),
        ("data_root: ''", "must name a folder or a URI"),
    ],
)
def test_yaml__wrong_content_names_field_and_rule(home, yaml, message):
    """A wrong field or value is refused with its dotted name."""
    (home / "conf" / "settings.yaml").write_text(yaml)
    with pytest.raises(ConfigError, match=message):
        load_settings(home=home)


def test_environment__misspelt_variable_is_refused(home, monkeypatch):
    """A variable that would silently leave the default in force is an error."""
    monkeypatch.setenv("SPYMASTER_DATAROOT", "/x")
    with pytest.raises(ConfigError, match="Did you mean 'SPYMASTER_DATA_ROOT'"):
        load_settings(home=home)


def test_settings__are_frozen(home):
    """Settings do not change after loading."""
    with pytest.raises(ValueError, match="frozen"):
        load_settings(home=home).parallel_stages = 3


def test_find_home__repository_variable_and_refusal(home, tmp_path):
    """The checkout is found; a variable wins; a folder without conf and manifests is refused."""
    assert find_home({}) == REPOSITORY
    assert find_home({"SPYMASTER_HOME": str(home)}) == home
    with pytest.raises(ConfigError, match="set SPYMASTER_HOME"):
        find_home({"SPYMASTER_HOME": str(tmp_path / "nothing")})


def test_repository__settings_are_valid():
    """The settings of the repository load."""
    assert load_settings(home=REPOSITORY, data_root="/x").submitter == "local"

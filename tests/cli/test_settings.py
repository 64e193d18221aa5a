"""Each setting comes from the nearest place that gives it, and says which that was."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaz_core.errors import UsageError
from sagaz_core.storage.url import open_storage
from sagaz_tui.settings import Settings, load_settings
from sagaz_tui.store_address import mask_url


def load(folder: Path, environ: dict[str, str] | None = None, **flags: str | bool) -> Settings:
    return load_settings(folder=folder, environ=environ or {}, **flags)  # type: ignore[arg-type]


def test_without_any_settings_the_store_is_sagaz_db_in_the_current_folder(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.storage_url == "sqlite:///sagaz.db"
    assert set(settings.sources.values()) == {"default"}
    assert settings.file is None


def test_flags_beat_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "sagaz.toml").write_text('storage_url = "sqlite:////file.db"\nread_only = true')
    environ = {"SAGAZ_STORAGE_URL": "sqlite:////environ.db", "SAGAZ_READ_ONLY": "0"}

    assert load(tmp_path).storage_url == "sqlite:////file.db"
    assert load(tmp_path, environ).storage_url == "sqlite:////environ.db"
    assert load(tmp_path, environ).sources["storage_url"] == "environment SAGAZ_STORAGE_URL"
    flagged = load(tmp_path, environ, storage_url="flag.db", read_only=True)
    assert flagged.storage_url == "sqlite:///flag.db"
    assert flagged.sources["storage_url"] == "--storage-url"
    assert (load(tmp_path).read_only, load(tmp_path, environ).read_only) == (True, False)
    assert flagged.read_only


def test_every_setting_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "sagaz.toml").write_text(
        """
        storage_url = "sqlite:////srv/orders.db"
        sagas = ["shop.sagas"]
        factories = { OrderSaga = "shop.sagas:create_order" }
        read_only = true
        production = "PROD-EU"
        keys = { "list.open" = "o" }
        theme = "light"
        times = "utc"
        allow = ["view"]
        compliance = { sensitive_fields = ["ssn"] }
        """
    )
    settings = load(tmp_path)
    assert settings.sagas == ("shop.sagas",)
    assert settings.factories == {"OrderSaga": "shop.sagas:create_order"}
    assert settings.production == "PROD-EU"
    assert settings.keys == {"list.open": "o"}
    assert (settings.theme, settings.times) == ("light", "utc")
    assert settings.allow == ("view",)
    assert settings.limits == "READ ONLY  MAY VIEW"
    assert settings.compliance == {"sensitive_fields": ["ssn"]}
    assert set(settings.sources.values()) == {str(tmp_path / "sagaz.toml")}


def test_the_environment_names_sagas_and_the_production_label(tmp_path: Path) -> None:
    settings = load(tmp_path, {"SAGAZ_SAGAS": "shop.sagas, shop.more,", "SAGAZ_PRODUCTION": "EU"})
    assert settings.sagas == ("shop.sagas", "shop.more")
    assert settings.production == "EU"


def test_a_theme_is_one_that_there_is(tmp_path: Path) -> None:
    (tmp_path / "sagaz.toml").write_text('theme = "light"')
    environ = {"SAGAZ_THEME": "ansi", "SAGAZ_TIMES": "utc"}
    assert load(tmp_path, environ).theme == "ansi"
    assert load(tmp_path, environ).times == "utc"
    assert load(tmp_path, environ, theme="contrast").sources["theme"] == "--theme"
    with pytest.raises(UsageError, match="--theme: theme is 'pink'; set it to dark or light or"):
        load(tmp_path, environ, theme="pink")
    with pytest.raises(UsageError, match="environment SAGAZ_TIMES: times is 'here'"):
        load(tmp_path, {"SAGAZ_TIMES": "here"})


def test_the_nearest_folder_above_with_settings_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "sagaz.toml").write_text('production = "outer"')
    assert load(inner).production == "outer"
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "shop"')
    assert load(inner).production == "outer"
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.sagaz]\nproduction = "nearer"')
    assert load(inner).production == "nearer"
    (tmp_path / "a" / "sagaz.toml").write_text('production = "its own file"')
    assert load(inner).production == "its own file"


def test_a_relative_store_in_a_file_lies_beside_that_file(tmp_path: Path) -> None:
    (tmp_path / "sagaz.toml").write_text('storage_url = "sqlite:///data/orders.db"')
    inner = tmp_path / "inner"
    inner.mkdir()
    assert load(inner).storage_url == f"sqlite:///{tmp_path / 'data' / 'orders.db'}"


def test_a_path_may_hold_what_a_url_would_read_otherwise(tmp_path: Path) -> None:
    odd = tmp_path / "100%25 #?"
    odd.mkdir()
    (odd / "sagaz.toml").write_text('storage_url = "../a%b.db"')
    url = load(odd).storage_url
    assert open_storage(url).name == "a%b.db"
    assert url == f"sqlite:///{tmp_path}/a%25b.db"
    assert open_storage(load(odd, storage_url="50%20 off.db").storage_url).name == "50%20 off.db"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('storage = "x"', "unknown setting 'storage'"),
        ('sagas = "shop.sagas"', "sagas must be a list"),
        ("sagas = [1]", "sagas.0 must be a string"),
        ('read_only = "yes"', "read_only must be a boolean"),
        ("keys = { a = 1 }", "keys.a must be a string"),
        ("sagas = [", "is not valid TOML"),
        ("\udcff", "is not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "sagaz.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert named in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_wrong_setting_in_pyproject_is_named_with_its_section(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.sagaz]\nproduction = 3")
    with pytest.raises(UsageError, match=r"tool\.sagaz\.production must be a string"):
        load(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool]\nsagaz = 3")
    with pytest.raises(UsageError, match=r"tool\.sagaz must be a dictionary"):
        load(tmp_path)


def test_a_read_only_variable_that_is_neither_yes_nor_no_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="SAGAZ_READ_ONLY is 'maybe'"):
        load(tmp_path, {"SAGAZ_READ_ONLY": "maybe"})


def test_memory_storage_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lives inside the process that records"):
        load(tmp_path, storage="memory")
    with pytest.raises(UsageError, match="lives inside the process that records"):
        load(tmp_path, storage_url="memory://")


def test_an_unknown_kind_of_storage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown storage 'oracle'; use sqlite or redis"):
        load(tmp_path, storage="oracle")


def test_storage_and_url_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="contradict"):
        load(tmp_path, storage="redis", storage_url="sqlite:///a.db")


def test_storage_sqlite_takes_a_path_or_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, storage="sqlite").storage_url == "sqlite:///sagaz.db"
    named = load(tmp_path, storage="sqlite", storage_url="/srv/orders.db")
    assert named.storage_url == "sqlite:////srv/orders.db"
    redis = {"SAGAZ_STORAGE_URL": "redis://cache"}
    assert load(tmp_path, redis, storage="sqlite").storage_url == "sqlite:///sagaz.db"
    assert load(tmp_path, redis, storage="redis").storage_url == "redis://cache"


def test_a_password_in_a_url_is_masked() -> None:
    assert mask_url("redis://me:geheim@host:6379/0") == "redis://me:***@host:6379/0"
    assert mask_url("sqlite:////srv/orders.db") == "sqlite:////srv/orders.db"

"""Conformance suite of a component that brings drivers.

class TestMyComponent(ComponentConformance):
folder = Path("custom_components/my_component")
"""

from importlib import import_module
import json
from pathlib import Path
from typing import Any, ClassVar

from pydantic.fields import FieldInfo

from custom_components.filament_slots.api import API_VERSION, DriverInfo


class ComponentConformance:
    """Tests to be inherited; Home Assistant is not needed."""

    folder: ClassVar[Path]

    @property
    def _drivers(self) -> tuple[DriverInfo, ...]:
        name = f"custom_components.{self.folder.name}.filament_slots"
        return tuple(import_module(name).DRIVERS)

    def _driver(self, info: DriverInfo) -> Any:
        name = f"custom_components.{self.folder.name}.{info.module}"
        return import_module(name).Driver

    def test_home_assistant_sets_it_up_after_filament_slots(self) -> None:
        """It is found by its dependency, and HACS needs its version."""
        manifest = json.loads((self.folder / "manifest.json").read_text())

        assert manifest["domain"] == self.folder.name
        assert "filament_slots" in manifest["dependencies"]
        assert manifest["version"]
        assert manifest["documentation"].startswith("https://")

    def test_its_drivers_are_declared_for_this_version_of_the_api(self) -> None:
        """Another number before the dot is refused."""
        assert self._drivers
        for info in self._drivers:
            major, _, minor = info.api_version.partition(".")
            assert (major, int(minor) <= int(API_VERSION.partition(".")[2])) == (
                API_VERSION.partition(".")[0],
                True,
            )
            assert self._driver(info).driver_key == info.key
            assert info.name
            assert info.version
            assert info.author
            assert info.documentation_url.startswith("https://")

    def test_every_field_of_a_form_has_a_text_in_every_language(self) -> None:
        """The form, the new credentials and the new address are steps of their own."""
        files = list((self.folder / "translations").glob("*.json"))

        assert "en.json" in {file.name for file in files}
        for file in files:
            steps = json.loads(file.read_text())["config"]["step"]
            for info in self._drivers:
                fields = self._driver(info).Config.model_fields
                asked = {n for n, f in fields.items() if f.is_required()}
                secret = {n for n, f in fields.items() if _is_secret(f)}
                advanced = {
                    name
                    for name, field in fields.items()
                    if name not in asked | secret and field.default is not None
                }
                form, reconfigured = steps[info.key], steps["reconfigure"]
                assert form["title"]
                assert set(form["data"]) >= asked | secret, file
                for step in (form, reconfigured):
                    texts = step.get("sections", {}).get("advanced", {}).get("data", {})
                    assert set(texts) >= advanced, file
                assert set(steps["reauth_confirm"]["data"]) >= secret, file

    def test_every_text_of_a_capability_is_of_one_that_a_driver_declares(self) -> None:
        """A text without one is a typing error; one without a text is in English."""
        declared = {
            each.id
            for info in self._drivers
            for each in self._driver(info).capabilities
        }

        for file in (self.folder / "translations").glob("*.json"):
            texts = json.loads(file.read_text()).get("config_panel", {})
            for group in ("capability", "capability_description"):
                assert set(texts.get(group, {})) <= declared, file


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)

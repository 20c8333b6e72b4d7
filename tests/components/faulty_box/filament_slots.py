"""The component's drivers for Filament Slots."""

from custom_components.filament_slots.api import DriverInfo

DRIVERS = (
    DriverInfo(
        key="faulty_box",
        name="Faulty Box",
        version="1.2.3",
        author="A test",
        documentation_url="https://example.com/faulty-box",
        api_version="1.1",
    ),
)

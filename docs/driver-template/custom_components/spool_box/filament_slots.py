"""The drivers of this component, for Filament Slots."""

from custom_components.filament_slots.api import DriverInfo

DRIVERS = (
    DriverInfo(
        key="spool_box",
        name="SpoolBox",
        version="1.0.0",
        author="Your name",
        documentation_url="https://github.com/your-name/spool-box",
        # The version that it was written for, not the newest one.
        api_version="1.1",
    ),
)

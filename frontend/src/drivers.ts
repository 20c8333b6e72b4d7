/** The elements of the drivers page, loaded when one of them is shown. */

import { Capabilities } from "./capabilities";
import { DriverLog } from "./driver-log";
import { DriverView } from "./driver-view";
import { DriversCard } from "./drivers-card";
import { define } from "./elements";

define({
  "filament-slots-capabilities": Capabilities,
  "filament-slots-driver": DriverView,
  "filament-slots-driver-log": DriverLog,
  "filament-slots-drivers-card-content": DriversCard,
});

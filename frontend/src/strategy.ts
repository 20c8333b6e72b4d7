/** Dashboard strategy: a view of all printers, one of all spools, and one of the drivers. */

import { type Hass, loadTexts, text } from "./ha";

export async function dashboard(hass: Hass) {
  await loadTexts(hass);
  // Texts that were just loaded are in the next `hass` object, not in this one.
  const now = (document.querySelector("home-assistant") as { hass?: Hass } | null)?.hass ?? hass;
  const card = (type: string) => ({ type: `custom:${type}`, grid_options: { columns: "full" } });
  const section = (type: string, column_span: number, more: object = {}) => ({
    type: "grid",
    column_span,
    cards: [{ ...card(type), ...more }],
  });
  // The connections are on top when something needs the user, else at the end.
  const health = (when: "alert" | "calm", column_span: number) =>
    now.user?.is_admin ? [section("filament-slots-health-card", column_span, { when })] : [];
  return {
    title: text(now, "strategy.title"),
    views: [
      {
        title: text(now, "strategy.title"),
        path: "slots",
        icon: "mdi:printer-3d",
        type: "sections",
        max_columns: 3,
        dense_section_placement: true,
        sections: [
          ...health("alert", 3),
          section("filament-slots-card", 2),
          section("filament-slots-timeline-card", 1),
          ...health("calm", 1),
        ],
      },
      {
        title: text(now, "spool.all_title"),
        path: "spools",
        icon: "mdi:movie-roll",
        type: "sections",
        max_columns: 3,
        sections: [section("filament-slots-spools-card", 3)],
      },
      ...(now.user?.is_admin
        ? [
            {
              title: text(now, "driver.all_title"),
              path: "drivers",
              icon: "mdi:connection",
              type: "sections",
              max_columns: 3,
              sections: [section("filament-slots-drivers-card", 3)],
            },
          ]
        : []),
    ],
  };
}

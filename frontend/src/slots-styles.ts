/** Styles of the card of the slots. */

import { css } from "lit";

export const slotsStyles = css`
  header h2,
  h3 {
    min-width: 0;
    overflow-wrap: break-word;
  }
  .fold {
    display: inline-flex;
    align-items: center;
    gap: 4px;
    min-height: 44px;
    text-align: start;
  }
  .next {
    min-height: 44px;
    padding: 3px 8px;
    border-color: transparent;
    color: var(--secondary-text-color);
    white-space: normal;
  }
  .next:hover {
    background: var(--tint);
  }
  .miniatures {
    display: inline-flex;
    flex-wrap: wrap;
    gap: 2px;
    --spool-size: 20px;
  }
  .tools,
  .filters {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 8px;
  }
  .tools {
    justify-content: space-between;
    padding: 12px 16px 4px;
  }
  .filters button,
  .filters select {
    min-height: 44px;
    padding: 4px 12px;
  }
  .filters select {
    font: inherit;
    max-width: 100%;
    color: var(--primary-text-color);
    background: var(--paper);
    border: 1px solid var(--edge);
    border-radius: var(--ha-border-radius-md, 8px);
  }
  .filters [aria-pressed="true"] {
    background: color-mix(in srgb, var(--primary-color) 20%, transparent);
  }
  .title {
    padding: 12px 16px 0;
    font-size: var(--ha-font-size-xl, 20px);
  }
  /* That for any printer, above all of them. */
  ha-card > .announced:not(:empty) {
    margin: 12px 12px 0;
  }
  section {
    padding: 12px;
  }
  section + section {
    border-block-start: 1px solid var(--divider-color);
  }
  header {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 2px 12px;
    padding: 0 4px 10px;
  }
  .none {
    padding: 0 4px 4px;
  }
  .condition {
    display: inline-flex;
    align-items: center;
    gap: 4px;
  }
  .alert > ha-icon {
    color: var(--error-color);
  }
  .alert {
    font-size: var(--ha-font-size-s, 12px);
  }
  .alert a {
    color: inherit;
  }
  .away .spool {
    opacity: 0.45;
  }
  .boxes,
  .group {
    display: flex;
    flex-wrap: wrap;
    gap: 10px;
  }
  .box {
    flex: var(--columns) 1 max(128px, calc(var(--columns) * 72px + 12px));
    max-width: max(200px, calc(var(--columns) * 148px + 12px));
    min-width: 0;
    box-sizing: border-box;
    padding: 8px 6px;
    background: var(--tint);
    border-radius: var(--ha-border-radius-lg, 12px);
  }
  /* The slots outside any unit share a line with the last unit. */
  .group {
    flex: var(--columns) 1 calc(var(--columns) * 72px + 34px);
    min-width: 0;
  }
  .out {
    visibility: hidden;
  }
  .unit {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    align-items: center;
    gap: 2px 8px;
    padding: 0 6px 6px;
    min-height: 20px;
  }
  h3 {
    font-size: var(--ha-font-size-m, 14px);
  }
  .bays {
    display: grid;
    grid-template-columns: repeat(var(--columns), minmax(0, 1fr));
    gap: 4px;
    list-style: none;
    margin: 0;
    padding: 0;
    /* Bays are side by side on the hardware, whatever the language. */
    direction: ltr;
  }
  li {
    display: flex;
    flex-direction: column;
    align-items: center;
    min-width: 0;
  }
  .assign {
    min-width: 44px;
    min-height: 44px;
    max-width: 100%;
    box-sizing: border-box;
    /* Less padding in a bay that is hardly wider than the text. */
    padding: 3px clamp(0px, calc(50% - 31px), 10px);
    margin-block-start: 2px;
    white-space: normal;
    overflow-wrap: anywhere;
  }
  .assign:hover {
    background: color-mix(in srgb, var(--primary-text-color) 7%, transparent);
  }
  .bay {
    width: 100%;
    display: flex;
    flex-direction: column;
    align-items: center;
    gap: 2px;
    padding: 6px 2px 8px;
    border-radius: var(--ha-border-radius-md, 8px);
    box-sizing: border-box;
    text-align: center;
    line-height: 1.25;
  }
  button.bay:hover {
    background: color-mix(in srgb, var(--primary-text-color) 7%, transparent);
  }
  .bay.active {
    background: color-mix(in srgb, var(--primary-color) 12%, transparent);
    box-shadow: inset 0 0 0 2px var(--primary-color);
  }
  .label {
    display: inline-flex;
    align-items: center;
    gap: 2px;
    min-height: 18px;
    max-width: 100%;
    margin-block-end: 2px;
    font-size: var(--ha-font-size-s, 12px);
    overflow-wrap: anywhere;
    --mdc-icon-size: 14px;
  }
  .sign {
    display: inline-flex;
    align-items: center;
    gap: 3px;
    max-width: 100%;
    font-size: var(--ha-font-size-s, 12px);
    font-weight: var(--ha-font-weight-medium, 500);
    overflow-wrap: anywhere;
    --mdc-icon-size: 14px;
  }
  .first {
    margin-block-start: 4px;
    font-size: var(--ha-font-size-m, 14px);
    font-weight: var(--ha-font-weight-medium, 500);
  }
  .first,
  .second {
    max-width: 100%;
    overflow: hidden;
    overflow-wrap: break-word;
    display: -webkit-box;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
  }
  .first.nothing {
    font-size: var(--ha-font-size-s, 12px);
    font-weight: var(--ha-font-weight-normal, 400);
    color: var(--secondary-text-color);
  }
`;

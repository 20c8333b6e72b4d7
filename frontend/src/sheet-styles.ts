/** Styles of the dialog of a slot. */

import { css } from "lit";

export const sheetStyles = css`
  :host {
    height: auto;
  }
  dialog {
    width: min(420px, calc(100vw - 32px));
    max-height: calc(100dvh - 48px);
    overflow-y: auto;
    box-sizing: border-box;
    padding: 20px 24px 24px;
    border: 0;
    border-radius: var(--ha-border-radius-2xl, 24px);
    color: var(--primary-text-color);
    background: var(--paper);
    --spool-size: 48px;
  }
  dialog::backdrop {
    background: rgb(0 0 0 / 0.5);
  }
  header {
    display: flex;
    align-items: center;
    gap: 12px;
    margin-block-end: 12px;
  }
  header h2 {
    flex: 1;
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .icon {
    min-width: 44px;
    min-height: 44px;
    border-radius: 50%;
  }
  .icon:hover {
    background: var(--tint);
  }
  dl {
    margin: 0;
  }
  dl > div {
    display: flex;
    justify-content: space-between;
    align-items: center;
    gap: 16px;
    min-height: 32px;
  }
  dt {
    color: var(--secondary-text-color);
  }
  dd {
    margin: 0;
    text-align: end;
    overflow-wrap: anywhere;
  }
  h3 {
    margin-block: 12px 4px;
    font-size: var(--ha-font-size-m, 14px);
  }
  ul {
    list-style: none;
    margin: 0;
    padding: 0;
  }
  li {
    display: flex;
    align-items: flex-start;
    gap: 8px;
    padding: 4px 0;
  }
  .what {
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .what .secondary {
    display: block;
  }
  form {
    display: flex;
    flex-direction: column;
    gap: 16px;
  }
  label {
    display: flex;
    flex-direction: column;
    gap: 4px;
    font-size: var(--ha-font-size-s, 12px);
  }
  input {
    font: inherit;
    /* Smaller text makes phones zoom in. */
    font-size: 16px;
    min-height: 44px;
    box-sizing: border-box;
    padding: 8px 10px;
    color: inherit;
    background: var(--tint);
    border: 1px solid var(--edge);
    border-radius: var(--ha-border-radius-md, 8px);
  }
  .warning {
    display: flex;
    align-items: center;
    gap: 8px;
    margin-block-start: 8px;
    overflow-wrap: anywhere;
  }
  .chip.low {
    --mdc-icon-size: 14px;
  }
  .error {
    padding-inline-start: 8px;
    border-inline-start: 3px solid var(--error-color);
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    justify-content: flex-end;
    gap: 8px;
    margin-block-start: 16px;
  }
  .actions > * {
    min-height: 44px;
    box-sizing: border-box;
    padding: 8px 16px;
    font-size: var(--ha-font-size-m, 14px);
  }
  .main {
    font-weight: var(--ha-font-weight-bold, 700);
  }
`;

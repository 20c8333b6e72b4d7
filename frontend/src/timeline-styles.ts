/** Styles of the timeline card. */

import { css } from "lit";

export const timelineStyles = css`
  header {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 8px;
    padding: 12px 16px 8px;
  }
  .filters {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 8px;
    min-width: 0;
  }
  select,
  input {
    font: inherit;
    box-sizing: border-box;
    max-width: 100%;
    min-height: 44px;
    padding: 4px 8px;
    color: var(--primary-text-color);
    background: var(--paper);
    border: 1px solid var(--edge);
    border-radius: var(--ha-border-radius-md, 8px);
  }
  .chosen {
    padding: 0 16px 8px;
  }
  .answer {
    padding: 0 16px 8px;
    font-weight: var(--ha-font-weight-normal, 400);
  }
  .quiet {
    padding: 8px 0;
    overflow-wrap: break-word;
  }
  .list {
    overflow-y: auto;
    max-height: var(--filament-slots-timeline-height, 480px);
    padding: 0 16px 12px;
    overscroll-behavior: contain;
  }
  .day {
    position: sticky;
    top: 0;
    z-index: 1;
    padding: 6px 0;
    font-size: var(--ha-font-size-s, 12px);
    background: var(--paper);
    border-block-end: 1px solid var(--divider-color);
  }
  ul {
    list-style: none;
    margin: 0;
    padding: 0;
  }
  li {
    display: flex;
    align-items: center;
    gap: 10px;
    padding: 8px 0;
    --spool-size: 28px;
    --ink: transparent;
  }
  .list {
    container-type: inline-size;
  }
  @container (max-width: 280px) {
    li {
      flex-wrap: wrap;
      gap: 2px 8px;
    }
    .what {
      flex-basis: 100%;
      order: 1;
    }
  }
  time {
    flex: none;
    min-width: 3.6em;
    font-variant-numeric: tabular-nums;
  }
  .what {
    flex: 1;
    min-width: 0;
    overflow-wrap: break-word;
    line-height: 1.35;
  }
  .where {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .icon {
    min-width: 44px;
    min-height: 44px;
    border-radius: 50%;
    color: var(--secondary-text-color);
  }
  .icon:hover {
    background: var(--tint);
  }
  /* Its target is larger than its disc, at the cost of the space around it. */
  .about {
    display: grid;
    place-items: center;
    flex: none;
    width: 44px;
    height: 44px;
    margin: -8px;
    border-radius: 50%;
  }
  .about:hover {
    background: var(--tint);
  }
  .end {
    height: 1px;
  }
`;

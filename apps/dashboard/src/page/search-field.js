/**
 * Its cross was pressed: Enter tells a form of itself.
 * @param {Event} event
 */
export const isCleared = (event) =>
  /** @type {HTMLInputElement} */ (event.currentTarget).value === '';

/** Of every event that is measured, as JSON. */
export const eventBytes = 256;

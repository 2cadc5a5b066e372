// What the appending process and its judge agree on.
export const appenderTopic = 't';
export const appenderShards = 8;
export const appenderFileBytes = 1_024 * 1_024;

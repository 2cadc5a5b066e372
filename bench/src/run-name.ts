/** In the names of what a run makes: brokers and buckets may be shared. */
export const runName: string = Date.now().toString(36);

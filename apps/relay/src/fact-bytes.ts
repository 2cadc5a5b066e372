/** What the log's record costs beside the streams that its fact names. */
const baseBytes = 1_024;
/** Of one stream beside its path: incarnation, positions, names of fields. */
const streamBytes = 160;
/** UTF-8 and JSON escapes of one UTF-16 unit. */
const unitBytesMax = 6;

/** At most what a fact comes to that names these streams: the writer's batches have a limit. */
export function factBytes(named: readonly { readonly path: string }[]): number {
  let bytes = baseBytes;
  for (const { path } of named) {
    const isPlain = /^[\w\-./:~]*$/.test(path);
    bytes += streamBytes + path.length * (isPlain ? 1 : unitBytesMax);
  }
  return bytes;
}

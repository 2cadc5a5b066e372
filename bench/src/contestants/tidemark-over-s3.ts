import { join } from 'node:path';
import { type AppProcess, type SharedS3, s3Settings, startApp } from '@tidemark/infra';
import type { Place } from './contestant.ts';
import { profilingFlags } from './tidemark.ts';

type Settings = Readonly<Record<string, string>>;

/** Starts it, with what it left when it was stopped in order, and with more settings. */
export type ServerStart = (more?: Settings) => Promise<AppProcess>;

export interface OverS3 {
  readonly place: Place;
  readonly s3: SharedS3;
  readonly settings: Settings;
}

/** A server with the embedded log, whose data folder outlives each of its processes. */
export function tidemarkOverS3({ place, s3, settings }: OverS3): ServerStart {
  const folder = join(place.folder, 'over-s3');
  const common = { TIDEMARK_DATA_DIR: join(folder, 'data'), ...s3Settings(s3), ...settings };
  const flags = profilingFlags('server', place);
  let index = 0;
  return (more = {}) => {
    index += 1;
    return startApp({ app: 'server', index, folder, env: { ...common, ...more }, flags });
  };
}

import type { TokenParts } from '../sessions/token-routes.ts';
import type { Credentials } from './credential-store.ts';

export interface RunParts extends TokenParts {
  readonly credentials: Credentials;
}

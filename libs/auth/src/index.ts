export {
  type ClientToken,
  formatClientToken,
  isClientToken,
  parseClientToken,
} from './client-token.ts';
export { hashKey, isKey, keyIdOf, keyRule } from './keys.ts';
export { clientScopes, isScope, type Scope, scopes } from './scopes.ts';
export { nonceBytes, Sealer } from './sealing.ts';
export { TokenBucket } from './token-bucket.ts';

// Where in the page one is: all of it stands behind the #, so that it can be kept and sent.

/** @typedef {{ readonly page: 'fleet' | 'sessions' | 'session' | 'shared' | 'nowhere', readonly name: string, readonly query: URLSearchParams }} Route */

/**
 * @param {string} text
 * @returns {string | undefined}
 */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parseRoute(hash) {
  const [path = '', queryText = ''] = hash.replace(/^#/, '').split(/\?(.*)/s);
  const query = new URLSearchParams(queryText);
  const [, first = '', rest] = /^\/?([^/]*)(?:\/(.*))?$/s.exec(path) ?? [];
  const name = rest === undefined ? undefined : decoded(rest);
  if (first === '') return { page: 'fleet', name: '', query };
  if (first === 'sessions' && (rest === undefined || rest === '')) {
    return { page: 'sessions', name: '', query };
  }
  if (name !== undefined && name !== '' && (first === 'sessions' || first === 'shared')) {
    return { page: first === 'shared' ? 'shared' : 'session', name, query };
  }
  return { page: 'nowhere', name: '', query };
}

/**
 * @param {string} name
 * @param {Record<string, string>} [query]
 * @param {'sessions' | 'shared'} [page]
 */
export function sessionHash(name, query = {}, page = 'sessions') {
  const text = new URLSearchParams(query).toString();
  return `#/${page}/${encodeURIComponent(name)}${text === '' ? '' : `?${text}`}`;
}

/** @param {URLSearchParams} query */
export function sessionsHash(query) {
  const text = query.toString();
  return `#/sessions${text === '' ? '' : `?${text}`}`;
}

// The server's HTTP API, as whoever looks at the page may use it.

/** @typedef {Record<string, any>} Fields */

export class ApiProblem extends Error {
  /**
   * @param {number} status
   * @param {Fields} body
   */
  constructor(status, body) {
    const error = body['error'] ?? body;
    super(String(error['message'] ?? error['detail'] ?? `the server answered ${status}`));
    this.name = 'ApiProblem';
    this.status = status;
    this.code = String(error['code'] ?? '');
  }
}

/** @param {string} name */
export const sessionPath = (name) => `/v1/sessions/${encodeURIComponent(name)}`;

export class Api {
  #token;
  #onRefused;

  /**
   * @param {string | undefined} token
   * @param {() => void} onRefused
   */
  constructor(token, onRefused) {
    this.#token = token;
    this.#onRefused = onRefused;
  }

  /** @returns {Record<string, string>} */
  get #authorization() {
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
  }

  /**
   * @param {string} path
   * @param {{ method?: string, body?: unknown, headers?: Record<string, string>, signal?: AbortSignal }} [parts]
   * @returns {Promise<Response>}
   */
  async ask(path, { method = 'GET', body, headers = {}, signal } = {}) {
    const answer = await fetch(path, {
      method,
      cache: 'no-store',
      ...(signal && { signal }),
      headers: {
        ...this.#authorization,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (answer.ok) return answer;
    if (answer.status === 401) this.#onRefused();
    throw new ApiProblem(answer.status, await answer.json().catch(() => ({})));
  }

  /**
   * @param {string} path
   * @param {Parameters<Api['ask']>[1]} [parts]
   * @returns {Promise<Fields>}
   */
  async json(path, parts) {
    const answer = await this.ask(path, parts);
    return answer.status === 204 ? {} : answer.json();
  }

  /**
   * A stretch of a session's events, in order.
   * @param {string} name
   * @returns {import('./event-window.js').FetchPage}
   */
  pagesOf(name) {
    return async ({ from, to, isLast }) => {
      // From the end that must be there: a page of large events is shorter than what was asked for.
      const query = new URLSearchParams({
        seqs: 'true',
        order: isLast ? 'desc' : 'asc',
        limit: '1000',
        from_seq: String(from),
        to_seq: String(to),
      });
      const { data, seqs } = await this.json(`${sessionPath(name)}/events?${query}`);
      return isLast ? { seqs: seqs.reverse(), events: data.reverse() } : { seqs, events: data };
    };
  }
}

/** @param {unknown} cause */
export const messageOf = (cause) => (cause instanceof Error ? cause.message : String(cause));

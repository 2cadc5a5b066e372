// What is known of an imported session as a whole: its title, and where it comes from as metadata.

import { type About, namePart } from '@tidemark/agent-formats';
import { type Json, type SessionsClient, sessionPath } from '@tidemark/sessions-client';
import type { Transcript } from './transcript.ts';

const valueCharsMax = 512;
const titleCharsMax = 1_024;

type Metadata = Readonly<Record<string, string>>;

/** As a session of the same source is called here. */
const siblingOf = (session: string, source: string | undefined): string | undefined =>
  source && `${session.slice(0, session.lastIndexOf('.') + 1)}${namePart(source)}`;

function metadataOf({ session, metadata }: Transcript, about: About): Metadata {
  const { cwd, branch, version, parent, forkedFrom, models, tokens, cost } = about;
  const known: Readonly<Record<string, string | number | undefined>> = {
    ...metadata,
    cwd,
    git_branch: branch,
    source_version: version,
    parent_session: parent,
    forked_from: siblingOf(session, forkedFrom),
    models: models.length === 0 ? undefined : models.join(','),
    input_tokens: tokens.input || undefined,
    output_tokens: tokens.output || undefined,
    cache_read_tokens: tokens.cacheRead || undefined,
    cache_write_tokens: tokens.cacheWrite || undefined,
    cost_usd: cost?.toFixed(6),
  };
  const pairs = Object.entries(known).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, String(value).slice(-valueCharsMax)] as const],
  );
  return Object.fromEntries(pairs);
}

export class SessionProfiles {
  readonly #client: SessionsClient;

  constructor(client: SessionsClient) {
    this.#client = client;
  }

  /** Makes the session where it is not there; tells how many events it has. */
  async ensure(transcript: Transcript): Promise<number> {
    const path = sessionPath({ session: transcript.session });
    const body = { metadata: transcript.metadata };
    const known = await this.#client.find(path);
    const session: Json = known ?? (await this.#client.json(path, { method: 'PUT', body }));
    return Number(session['event_count']);
  }

  /** A change is an event: what is known already is not told again. */
  async update(transcript: Transcript, about: About): Promise<void> {
    const title = (transcript.title ?? about.title)?.slice(0, titleCharsMax);
    const metadata = metadataOf(transcript, about);
    const path = sessionPath({ session: transcript.session });
    const known = await this.#client.json<Profile>(path);
    const isKnown =
      (title === undefined || title === known.title) &&
      Object.entries(metadata).every(([key, value]) => known.metadata[key] === value);
    if (isKnown) return;
    const body: Json = { metadata, ...(title === undefined ? {} : { title }) };
    await this.#client.json(path, { method: 'POST', body });
  }
}

interface Profile {
  readonly title: string | null;
  readonly metadata: Metadata;
}

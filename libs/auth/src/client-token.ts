// A token for one session:
//
//   token := 'tmct_' base64url(tenant '\n' session) '.' id '.' secret
//
// The session keeps the secret's hash. A token tells where to look, and proves nothing by itself.

export interface ClientToken {
  readonly tenant: string;
  readonly session: string;
  readonly id: string;
  readonly secret: string;
}

const mark = 'tmct_';

export const isClientToken = (text: string): boolean => text.startsWith(mark);

export function formatClientToken({ tenant, session, id, secret }: ClientToken): string {
  const place = Buffer.from(`${tenant}\n${session}`).toString('base64url');
  return `${mark}${place}.${id}.${secret}`;
}

/** Undefined where it is none. */
export function parseClientToken(text: string): ClientToken | undefined {
  const [, place = '', id = '', secret = ''] =
    /^tmct_([\w-]{1,1500})\.([\w-]{1,64})\.([\w-]{16,64})$/.exec(text) ?? [];
  const [, tenant, session] =
    /^([^\n]+)\n([^\n]+)$/.exec(Buffer.from(place, 'base64url').toString()) ?? [];
  if (tenant === undefined || session === undefined) return undefined;
  return { tenant, session, id, secret };
}

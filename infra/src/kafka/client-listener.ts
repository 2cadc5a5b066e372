// How clients come in: in the clear or by TLS, and with a login or without one. Brokers among each other
// need neither, on a machine of their own.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SaslUser {
  readonly username: string;
  readonly password: string;
  /** The only one by which this user comes in. */
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
}

export interface Certificate {
  readonly keystoreFile: string;
  /** PEM, for those who are to trust it. */
  readonly ca: string;
}

export interface ClientListener {
  readonly users: readonly SaslUser[];
  readonly certificate: Certificate | undefined;
  /** After which a login must have been renewed. Absent: it lives as long as its connection. */
  readonly loginLifeMs?: number | undefined;
}

export const openListener: ClientListener = { users: [], certificate: undefined };

// The store lies beside the data of a cluster that is there to be tested with.
const storePassword = 'tidemark';

/** `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`. */
export const securityProtocol = ({ users, certificate }: ClientListener): string =>
  `${users.length > 0 ? 'SASL_' : ''}${certificate !== undefined ? 'SSL' : 'PLAINTEXT'}`;

export function listenerProperties(listener: ClientListener): Record<string, string> {
  const { users, certificate } = listener;
  return {
    ...(users.length > 0 ? loginProperties(listener) : {}),
    ...(certificate === undefined
      ? {}
      : {
          'listener.name.client.ssl.keystore.type': 'PKCS12',
          'listener.name.client.ssl.keystore.location': certificate.keystoreFile,
          'listener.name.client.ssl.keystore.password': storePassword,
        }),
  };
}

function loginProperties({ users, loginLifeMs }: ClientListener): Record<string, string> {
  const mechanisms = [...new Set(users.map(({ mechanism }) => mechanism))];
  const perMechanism = mechanisms.map((mechanism) => ({
    [`listener.name.client.${mechanism}.sasl.jaas.config`]:
      mechanism === 'plain' ? plainModule(users) : `${security}.scram.ScramLoginModule required;`,
    [`listener.name.client.${mechanism}.connections.max.reauth.ms`]: String(loginLifeMs ?? 0),
  }));
  return {
    'listener.name.client.sasl.enabled.mechanisms': mechanisms.join().toUpperCase(),
    ...Object.assign({}, ...perMechanism),
  };
}

const security = 'org.apache.kafka.common.security';

const plainModule = (users: readonly SaslUser[]): string =>
  [
    `${security}.plain.PlainLoginModule required`,
    ...users
      .filter(({ mechanism }) => mechanism === 'plain')
      .map(({ username, password }) => ` user_${username}="${password}"`),
    ';',
  ].join('');

/** Brokers find SCRAM users in their metadata log, so they are there from the format on. */
export const scramArguments = (users: readonly SaslUser[]): readonly string[] =>
  users
    .filter(({ mechanism }) => mechanism !== 'plain')
    .flatMap(({ username, password, mechanism }) => [
      '--add-scram',
      `${mechanism.toUpperCase()}=[name=${username},password=${password}]`,
    ]);

/** A certificate for 127.0.0.1 that vouches for itself, made by Java's own tool. */
export async function certificateIn(folder: string, java: string): Promise<Certificate> {
  const keytool = join(dirname(java), 'keytool');
  const keystoreFile = join(folder, 'tls.p12');
  const caFile = join(folder, 'tls.pem');
  const store = ['-alias', 'broker', '-keystore', keystoreFile, '-storepass', storePassword];
  if (!existsSync(caFile)) {
    const who = ['-dname', 'CN=broker', '-ext', 'san=ip:127.0.0.1'];
    const key = ['-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '3650'];
    await run(keytool, ['-genkeypair', '-storetype', 'PKCS12', ...store, ...key, ...who]);
    await run(keytool, ['-exportcert', '-rfc', '-file', caFile, ...store]);
  }
  return { keystoreFile, ca: await readFile(caFile, 'utf8') };
}

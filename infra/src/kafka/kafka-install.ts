// Kafka as its jars from Maven Central, kept in the repository's cache folder:
//
//   .cache/kafka/<version>/jars/*        marker: jars.complete
//   .cache/kafka/<version>/formatted/*   a formatted storage folder to copy; marker: formatted.complete
//   .cache/kafka/<version>/classes-<java>.jsa   class data archive: 10.9 s to three ready brokers
//                                               become 6.8 s

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from '../file-lock.ts';

const run = promisify(execFile);

/** As in pom.xml. */
const kafkaVersion = '4.4.0';

export interface KafkaInstall {
  readonly java: string;
  readonly classPath: string;
  readonly formattedFolder: string;
  readonly archiveFile: string;
}

const repositoryFolder = join(import.meta.dirname, '..', '..', '..');

export async function installKafka(
  makeArchive: (install: KafkaInstall) => Promise<void>,
): Promise<KafkaInstall> {
  const folder = join(repositoryFolder, '.cache', 'kafka', kafkaVersion);
  const { java, javaId } = await findJava();
  const install: KafkaInstall = {
    java,
    classPath: join(folder, 'jars', '*'),
    formattedFolder: join(folder, 'formatted'),
    archiveFile: join(folder, `classes-${javaId}.jsa`),
  };
  const isComplete = (): boolean =>
    existsSync(join(folder, 'jars.complete')) &&
    existsSync(join(folder, 'formatted.complete')) &&
    existsSync(install.archiveFile);
  if (isComplete()) return install;
  await mkdir(folder, { recursive: true });
  await withFileLock(join(folder, 'lock'), async () => {
    if (isComplete()) return;
    await step(folder, 'jars', () => downloadJars(join(folder, 'jars')));
    await step(folder, 'formatted', () => formatFolder(install, install.formattedFolder));
    if (!existsSync(install.archiveFile)) await makeArchive(install);
  });
  return install;
}

/** A marker is written last, so that what was interrupted is done again from nothing. */
async function step(folder: string, name: string, make: () => Promise<void>): Promise<void> {
  const marker = join(folder, `${name}.complete`);
  if (existsSync(marker)) return;
  await rm(join(folder, name), { recursive: true, force: true });
  await make();
  await writeFile(marker, '');
}

async function findJava(): Promise<{ readonly java: string; readonly javaId: string }> {
  const home = process.env['JAVA_HOME'];
  const java = home === undefined ? 'java' : join(home, 'bin', 'java');
  try {
    const { stderr } = await run(java, ['-version']);
    const major = Number(/version "(\d+)/.exec(stderr)?.[1]);
    if (major < 17) throw new Error(`Kafka needs Java 17 or newer. found=${major}`);
    return { java, javaId: createHash('sha256').update(stderr).digest('hex').slice(0, 12) };
  } catch (cause) {
    throw new Error('no usable Java: put Java 17 on the PATH or set JAVA_HOME', { cause });
  }
}

async function downloadJars(jarsFolder: string): Promise<void> {
  const pom = join(import.meta.dirname, 'pom.xml');
  try {
    await run('mvn', [
      '-q',
      '-B',
      '-f',
      pom,
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${jarsFolder}`,
    ]);
  } catch (cause) {
    throw new Error(
      'Kafka could not be fetched: is Maven (mvn) on the PATH and its repository up?',
      {
        cause,
      },
    );
  }
}

/** What formatting writes is the same for every node but for the ids in meta.properties. */
export async function formatFolder(
  install: KafkaInstall,
  folder: string,
  extra: readonly string[] = [],
): Promise<void> {
  const making = `${folder}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  const settingsFile = `${making}.properties`;
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': '1@127.0.0.1:1',
    'controller.listener.names': 'CONTROLLER',
    listeners: 'CLIENT://127.0.0.1:2,CONTROLLER://127.0.0.1:1',
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'CLIENT',
    'log.dirs': making,
  };
  await writeFile(settingsFile, propertiesText(settings));
  await run(install.java, [
    ...javaFlags(install, 'SharedArchiveFile'),
    'kafka.tools.StorageTool',
    'format',
    '-t',
    'AAAAAAAAAAAAAAAAAAAAAA',
    '-c',
    settingsFile,
    ...extra,
  ]);
  await rename(making, folder);
  await rm(settingsFile);
}

/** The classes and the small collector. An archive to share need not be there. */
export const javaFlags = (
  { classPath, archiveFile }: KafkaInstall,
  archive: 'SharedArchiveFile' | 'ArchiveClassesAtExit',
): readonly string[] => [
  '-XX:+UseSerialGC',
  `-XX:${archive}=${archiveFile}`,
  '-Xlog:cds=off',
  '-Xlog:cds+dynamic=off',
  '-cp',
  classPath,
];

export const propertiesText = (properties: Readonly<Record<string, string>>): string =>
  Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

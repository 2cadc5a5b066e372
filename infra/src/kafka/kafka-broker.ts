import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logTail, type Supervised, startSupervised } from '../supervisor.ts';
import { type BrokerSettings, brokerProperties } from './broker-settings.ts';
import { javaFlags, type KafkaInstall, propertiesText } from './kafka-install.ts';

const heapMiB = 256;

export interface BrokerPlace {
  readonly install: KafkaInstall;
  /** Holds data, settings and log of this broker. */
  readonly folder: string;
  readonly settings: BrokerSettings;
  readonly isLongLived: boolean;
  /** Makes the class data archive when the broker exits. */
  readonly makesArchive?: boolean;
}

export interface BrokerOrigin {
  readonly clusterId: string;
  readonly directoryId: string;
  /** What its data folder starts as. */
  readonly formattedFolder: string;
}

export async function prepareBroker(place: BrokerPlace, origin: BrokerOrigin): Promise<void> {
  const { folder, settings } = place;
  await mkdir(folder, { recursive: true });
  await cp(origin.formattedFolder, settings.dataFolder, { recursive: true });
  const metaProperties = {
    version: '1',
    'cluster.id': origin.clusterId,
    'node.id': String(settings.node.id),
    'directory.id': origin.directoryId,
  };
  await writeFile(join(settings.dataFolder, 'meta.properties'), propertiesText(metaProperties));
}

export async function launchBroker(place: BrokerPlace): Promise<Supervised> {
  const { install, folder, settings } = place;
  const settingsFile = join(folder, 'server.properties');
  // Written at each launch: the ports of a kept folder may be others than last time.
  await writeFile(settingsFile, propertiesText(brokerProperties(settings)));
  const archive = place.makesArchive === true ? 'ArchiveClassesAtExit' : 'SharedArchiveFile';
  return startSupervised({
    command: install.java,
    args: [
      `-Xmx${heapMiB}m`,
      // A broker of a test ends before the optimising compiler has paid for itself.
      ...(place.isLongLived ? [] : ['-XX:TieredStopAtLevel=1']),
      `-Dlog4j2.configurationFile=${join(import.meta.dirname, 'broker-log.xml')}`,
      ...javaFlags(install, archive),
      'kafka.Kafka',
      settingsFile,
    ],
    logFile: brokerLogFile(folder),
  });
}

const brokerLogFile = (folder: string): string => join(folder, 'broker.log');

export const brokerLogTail = (folder: string): string => logTail(brokerLogFile(folder));

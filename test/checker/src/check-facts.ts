// Durable facts: each life of a session has its own, and counts its changes.
//
// (1) Two puts that were acknowledged have two versions, and of those that were put on one version of a
//     key one stands.
// (2) A read tells a value that was put, under the version that its put was told.
// (3) What was acknowledged before a read began is there for it, or something newer of that key is.
// (4) What stood at an event is what was put last before it, whenever one looks; nothing is told of it only
//     where so much was put since that not all is known any more.

import { earliestOf, isOk, type Operation, type Operations } from './operations.ts';
import type { Findings } from './violation.ts';

interface FactLife {
  readonly session: string;
  readonly puts: Operation[];
  readonly gets: Operation[];
  readonly looksBack: Operation[];
}

const types = { 'put-fact': 'puts', 'get-fact': 'gets', 'look-back': 'looksBack' } as const;

export function checkFacts(operations: Operations, findings: Findings): void {
  const lives = new Map<string, FactLife>();
  const putValues = new Map<string, Operation>();
  for (const operation of operations.all) {
    const { call, answer } = operation;
    if (call.type === 'put-fact') putValues.set(`${call.session} ${call.fact?.value}`, operation);
    if (!isOk(operation) || answer?.life === undefined) continue;
    const list = types[call.type as keyof typeof types];
    if (list === undefined) continue;
    const name = `${call.session} ${answer.life}`;
    const life = lives.get(name) ?? { session: call.session, puts: [], gets: [], looksBack: [] };
    lives.set(name, life);
    life[list].push(operation);
  }
  for (const life of lives.values()) {
    checkPuts(life, findings);
    for (const get of life.gets) checkGet(life, get, { operations, findings, putValues });
    for (const look of life.looksBack) checkLookBack(life, look, { findings, putValues });
  }
}

const versionOf = ({ answer }: Operation): number => answer?.version ?? 0;
const keyOf = ({ call }: Operation): string => call.fact?.key ?? '';

function checkPuts({ session, puts }: FactLife, findings: Findings): void {
  const byVersion = new Map<number, Operation>();
  const byCondition = new Map<string, Operation>();
  for (const put of puts) {
    const same = byVersion.get(versionOf(put));
    byVersion.set(versionOf(put), put);
    if (same !== undefined) {
      const message = `two facts have the version ${versionOf(put)}`;
      findings.add('fact-twice', session, { message, ops: [same.call.op, put.call.op] });
    }
    const { version } = put.call.fact ?? {};
    if (version === undefined) continue;
    const condition = `${keyOf(put)} ${version}`;
    const rival = byCondition.get(condition);
    byCondition.set(condition, put);
    if (rival === undefined) continue;
    const message = `two were put on version ${version} of ${keyOf(put)}`;
    findings.add('fact-twice', session, { message, ops: [rival.call.op, put.call.op] });
  }
}

function checkGet(
  { session, puts }: FactLife,
  get: Operation,
  parts: {
    readonly operations: Operations;
    readonly findings: Findings;
    readonly putValues: ReadonlyMap<string, Operation>;
  },
): void {
  const { findings, operations, putValues } = parts;
  const { version = 0, value } = get.answer ?? {};
  const ops = [get.call.op];
  if (version > 0) {
    const put = putValues.get(`${session} ${value}`);
    const isTold = put !== undefined && keyOf(put) === keyOf(get);
    const isAsTold = put?.answer?.version === undefined || put.answer.version === version;
    if (!isTold || !isAsTold) {
      const message = `${keyOf(get)} is ${value} in version ${version}: nobody was told so`;
      findings.add('fact-invented', session, { message, ops });
    }
  }
  const earliest = earliestOf(operations, get);
  for (const put of puts) {
    if (keyOf(put) !== keyOf(get) || put.ended >= earliest || versionOf(put) <= version) continue;
    const message = `${keyOf(get)} is read in version ${version} behind ${versionOf(put)}`;
    findings.add('fact-lost', session, { message, ops: [put.call.op, ...ops] });
  }
}

function checkLookBack(
  { session, puts }: FactLife,
  look: Operation,
  {
    findings,
    putValues,
  }: { readonly findings: Findings; readonly putValues: ReadonlyMap<string, Operation> },
): void {
  const { version = 0, value, factSeq: knownFromSeq = 0 } = look.answer ?? {};
  const seq = look.call.fact?.seq ?? 0;
  const ops = [look.call.op];
  const at = `${keyOf(look)} at event ${seq}`;
  const told = version === 0 ? undefined : putValues.get(`${session} ${value}`);
  const isPut = told !== undefined && keyOf(told) === keyOf(look);
  const isAsTold =
    told?.answer?.version === undefined ||
    (told.answer.version === version && (told.answer.factSeq ?? 0) <= seq);
  if (version > 0 && !(isPut && isAsTold)) {
    findings.add('fact-past-untrue', session, { message: `${at} is ${value}: it was not`, ops });
  }
  if (version === 0 && seq < knownFromSeq) return;
  const later = puts.find(
    (put) =>
      keyOf(put) === keyOf(look) && (put.answer?.factSeq ?? 0) <= seq && versionOf(put) > version,
  );
  if (later === undefined) return;
  const message = `${at} is read in version ${version} behind ${versionOf(later)}`;
  findings.add('fact-past-untrue', session, { message, ops: [later.call.op, ...ops] });
}

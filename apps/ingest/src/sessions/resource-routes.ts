import { bodyOf, type Edge } from '@tidemark/edge';
import { Problem } from '@tidemark/protocol';
import {
  decideArchiveThread,
  decideUpdate,
  type FactDecision,
  liveStream,
} from '@tidemark/session';
import {
  type Fields,
  fieldsOf,
  idOf,
  primaryThreadId,
  requiredText,
  resourceOf,
  sessionPrefixes,
  threadObjects,
} from '@tidemark/sessions-api';
import {
  parameterIn,
  type SessionWriteParts,
  type Subject,
  subjectOf,
  submit,
  tell,
} from './parts.ts';

/** Resources are kept as they were given: nothing here mounts them. */
export function addResourceWrites(edge: Edge, parts: SessionWriteParts): void {
  for (const prefix of sessionPrefixes) {
    edge.post(`${prefix}/:session/resources`, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      const fields = fieldsOf(bodyOf(request));
      const newId = (): string => idOf('sesrsc', parts.writers.newId());
      const resource = resourceOf(fields, 'resource', newId);
      await submit(
        parts,
        subject,
        changing(subject, (resources) => [...resources, resource]),
      );
      return reply.send(resource);
    });

    const path = `${prefix}/:session/resources/:resource`;
    edge.post(path, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      const id = parameterIn(request, 'resource');
      // A token is checked and not kept: nobody here could use it, and nothing that is kept tells it.
      requiredText(fieldsOf(bodyOf(request)), 'authorization_token', 4_096);
      return reply.send(
        await tell(parts, subject, (live) => found(live.stream.aspects.profile.resources, id)),
      );
    });

    edge.delete(path, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      const id = parameterIn(request, 'resource');
      const without = (resources: readonly Fields[]): readonly Fields[] | Problem =>
        resources.every((resource) => resource['id'] !== id)
          ? noResource()
          : resources.filter((resource) => resource['id'] !== id);
      await submit(parts, subject, changing(subject, without));
      return reply.send({ id, type: 'session_resource_deleted' });
    });

    edge.post(`${prefix}/:session/threads/:thread/archive`, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      const id = parameterIn(request, 'thread');
      if (id === primaryThreadId(subject.name)) {
        throw new Problem('invalid-request', 'the primary thread is archived with its session');
      }
      await submit(parts, subject, decideArchiveThread(id, subject.actor));
      const threads = await tell(parts, subject, threadObjects);
      return reply.send(threads.find((thread) => thread['id'] === id));
    });
  }
}

function found(resources: readonly Fields[], id: string): Fields {
  const resource = resources.find((each) => each['id'] === id);
  if (resource === undefined) throw noResource();
  return resource;
}

const noResource = (): Problem => new Problem('not-found', 'the session has no such resource');

/** On the resources that the session has when it is decided. */
const changing =
  (
    { actor }: Subject,
    change: (resources: readonly Fields[]) => readonly Fields[] | Problem,
  ): FactDecision =>
  (state, context) => {
    const stream = liveStream(state);
    if (stream instanceof Problem) return { kind: 'refused', problem: stream };
    const resources = change(stream.aspects.profile.resources);
    if (resources instanceof Problem) return { kind: 'refused', problem: resources };
    return decideUpdate({ resources }, { resources }, actor)(state, context);
  };

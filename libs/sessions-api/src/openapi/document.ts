import type { Operation } from './operation.ts';
import { operations } from './operations.ts';
import { ref, type Schema, schemas } from './schemas.ts';

const jsonOf = (schema: Schema) => ({ content: { 'application/json': { schema } } });

function parametersOf({ path, query = {}, headers = {} }: Operation) {
  const named = (place: string, parameters: Readonly<Record<string, Schema>>) =>
    Object.entries(parameters).map(([name, schema]) => ({ name, in: place, schema }));
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  return [...inPath, ...named('query', query), ...named('header', headers)];
}

function answersOf({ status = 200, answer, streams, summary }: Operation) {
  const streamed =
    streams === undefined ? {} : { content: { [streams]: { schema: { type: 'string' } } } };
  const content = answer === undefined ? streamed : jsonOf(answer);
  return {
    [status]: { description: summary, ...content },
    default: { description: 'What went wrong, and whether to repeat it', ...jsonOf(ref('Error')) },
  };
}

const operationOf = (operation: Operation) => ({
  operationId: operation.id,
  summary: operation.summary,
  parameters: parametersOf(operation),
  ...(operation.body === undefined ? {} : { requestBody: jsonOf(operation.body) }),
  responses: answersOf(operation),
});

function pathsOf(): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const { path, method } = operation;
    paths[path] = { ...paths[path], [method]: operationOf(operation) };
  }
  return paths;
}

/** What is under /v1, as OpenAPI 3.1. */
export const openApiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'Tidemark',
    version: '1',
    description:
      'Sessions of AI agents. Durable Streams, under /v1/stream, has its own protocol document; so has the WebSocket at /v1/live.',
  },
  security: [{ bearer: [] }, { apiKey: [] }],
  paths: pathsOf(),
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer' },
      apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
    },
    schemas,
  },
} as const;

// The two questions that starting and hurting a cluster needs, in Kafka's protocol by hand, so that
// this package has no Kafka client.

import { once } from 'node:events';
import { connect } from 'node:net';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Answers the ids of the brokers that this broker knows to be up. */
export async function liveBrokers(address: Address): Promise<readonly number[]> {
  // Metadata v1 of no topics: topic-count:i32
  const body = await ask(address, { apiKey: 3, version: 1, isFlexible: false, body: [0, 0, 0, 0] });
  const count = body.readInt32BE(4);
  const ids: number[] = [];
  let at = 8;
  for (let index = 0; index < count; index += 1) {
    ids.push(body.readInt32BE(at));
    at += 4;
    at += 2 + body.readInt16BE(at); // host
    at += 4; // port
    at += 2 + Math.max(0, body.readInt16BE(at)); // rack
  }
  return ids;
}

/** Answers the id of the controller that leads the quorum, or -1. */
export async function quorumLeader(address: Address): Promise<number> {
  const name = Buffer.from('__cluster_metadata');
  // DescribeQuorum v0: topics[ name partitions[ index:i32 ] ], compact, with empty tags
  const request = [2, name.length + 1, ...name, 2, 0, 0, 0, 0, 0, 0, 0];
  const body = await ask(address, { apiKey: 55, version: 0, isFlexible: true, body: request });
  // correlation:i32 tags:u8 error:i16 topic-count:u8 name-length:u8 name partition-count:u8
  // partition:i32 error:i16 leader:i32
  const partitionAt = 4 + 1 + 2 + 1 + 1 + name.length + 1;
  if (body.readInt16BE(5) !== 0) return -1;
  return body.readInt32BE(partitionAt + 6);
}

interface Question {
  readonly apiKey: number;
  readonly version: number;
  readonly isFlexible: boolean;
  readonly body: readonly number[];
}

async function ask({ host, port }: Address, question: Question): Promise<Buffer> {
  const clientId = Buffer.from('infra');
  const header = Buffer.alloc(10);
  header.writeInt16BE(question.apiKey, 0);
  header.writeInt16BE(question.version, 2);
  header.writeInt16BE(clientId.length, 8);
  const tags = Buffer.alloc(question.isFlexible ? 1 : 0);
  const request = Buffer.concat([header, clientId, tags, Buffer.from(question.body)]);
  const length = Buffer.alloc(4);
  length.writeInt32BE(request.length);
  const socket = connect(port, host);
  try {
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer')));
    await once(socket, 'connect');
    socket.write(Buffer.concat([length, request]));
    let answer = Buffer.alloc(0);
    for await (const chunk of socket) {
      answer = Buffer.concat([answer, chunk as Buffer]);
      if (answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0))
        return answer.subarray(4);
    }
    throw new Error('connection closed before the answer');
  } finally {
    socket.destroy();
  }
}

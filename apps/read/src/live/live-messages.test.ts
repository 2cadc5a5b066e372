import { present, textOf } from '@tidemark/std';
import { expect, test } from 'vitest';
import { parseMessage } from './live-messages.ts';

test('events that are appended over the socket are taken as they came', () => {
  const message = parseMessage(
    '{"type":"append","ref":"1","session":"s","events":[{"type":"n","big":12345678901234567890}]}',
  );
  const sent = present(message.kind === 'append' ? message.sent : undefined, 'an append');
  expect(sent.events.map(textOf)).toEqual([',"type":"n","big":12345678901234567890}']);
});

test.each([
  ['{"type":"append","ref":"1","session":"s","events":{}}', 'events is a list'],
  ['{"type":"append","ref":"1","session":"s","events":[]}', 'send one event at least'],
  ['{"type":"append","ref":"1","session":"s","events":[7]}', 'events[0] is an object'],
])('%s is refused', (text, why) => {
  expect(() => parseMessage(text)).toThrow(why);
});

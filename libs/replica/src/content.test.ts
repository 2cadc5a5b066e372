import { bytesOf } from '@tidemark/std';
import { expect, test } from 'vitest';
import { Content } from './content.ts';
import { HotBudget } from './hot-budget.ts';

/** A byte stream of `one`, `two` and `three`. */
function byteContent(): Content {
  const content = new Content(new HotBudget(1_000_000), { seq: 0, position: 0, isJson: false });
  for (const [index, text] of ['one', 'two', 'three'].entries()) {
    content.append(bytesOf(text), BigInt(index));
  }
  return content;
}

test.each([
  ['on the boundary behind two events', 6, 2],
  ['inside the third event', 7, 3],
  ['just below the second boundary', 5, 2],
  ['at the end', 11, 3],
])('a slice that ends %s counts the events that it holds a part of', (_, endPosition, endSeq) => {
  const bounds = { position: 0, endPosition, bytesMax: 1_000, eventsMax: 1_000 };
  expect(byteContent().slice(bounds)).toMatchObject({ endSeq, endPosition });
});

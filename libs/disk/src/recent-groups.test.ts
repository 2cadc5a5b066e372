import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentGroups } from './recent-groups.ts';

function write(recent: RecentGroups, group: { file: number; position: number; bytes: number }) {
  recent.take(group.bytes).fill(group.position % 251);
  recent.keep(group.file, group.position);
}

test('keeps the last groups, as many as its ring holds', () => {
  const recent = new RecentGroups(250);
  for (const [file, position] of [
    [1, 0],
    [1, 100],
    [2, 0],
    [2, 100],
  ] as const) {
    write(recent, { file, position, bytes: 100 });
  }
  expect(recent.find(1, 100)).toBeUndefined();
  expect(recent.find(2, 50)?.position).toBe(0);
  expect(recent.find(2, 100)?.position).toBe(100);
  expect(recent.find(2, 200)).toBeUndefined();
  expect(recent.find(3, 0)).toBeUndefined();
});

test('a group larger than the ring is not kept, and nothing before it', () => {
  const recent = new RecentGroups(250);
  write(recent, { file: 1, position: 0, bytes: 100 });
  write(recent, { file: 1, position: 100, bytes: 300 });
  expect(recent.find(1, 0)).toBeUndefined();
  expect(recent.find(1, 100)).toBeUndefined();
  write(recent, { file: 1, position: 400, bytes: 10 });
  expect(recent.find(1, 400)?.position).toBe(400);
});

test('a group that did not reach the log leaves no trace', () => {
  const recent = new RecentGroups(250);
  write(recent, { file: 1, position: 0, bytes: 100 });
  recent.take(100);
  write(recent, { file: 1, position: 100, bytes: 40 });
  expect(recent.find(1, 0)?.position).toBe(0);
  expect(recent.find(1, 120)?.position).toBe(100);
});

test('what is found is what was written, and with one group all later ones are there', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 60 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 300 }), (drawn, ringBytes) => {
      const recent = new RecentGroups(ringBytes);
      const places: { position: number; bytes: number }[] = [];
      let position = 0;
      for (const bytes of drawn) {
        write(recent, { file: 1, position, bytes });
        places.push({ position, bytes });
        position += bytes;
        const found = places.map((place) => recent.find(1, place.position));
        const first = found.findIndex((group) => group !== undefined);
        if (bytes <= ringBytes) expect(found.at(-1)).toBeDefined();
        if (first === -1) continue;
        for (const [index, group] of found.entries()) {
          if (index < first) continue;
          const place = places[index];
          expect(group?.bytes).toEqual(
            new Uint8Array(place?.bytes ?? 0).fill((place?.position ?? 0) % 251),
          );
        }
      }
    }),
  );
});

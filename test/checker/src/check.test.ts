// For every check a history that violates it and is found, beside one that does not.

import { expect, test } from 'vitest';
import {
  type Call,
  type Check,
  checkHistory,
  checks,
  type Entry,
  encodeHistory,
  parseHistory,
  type Return,
  type Seen,
} from './index.ts';

type Asked = Partial<Omit<Call, 'at' | 'kind' | 'op' | 'type'>>;
type Answered = Partial<Omit<Return, 'at' | 'kind' | 'op'>>;

/** Builds a history in which everything is about session `a` unless it says otherwise. */
class Story {
  readonly entries: Entry[] = [];
  #at = 0;
  #ops = 0;

  call(type: Call['type'], asked: Asked = {}): string {
    this.#ops += 1;
    const op = String(this.#ops);
    this.add({ kind: 'call', op, client: 'c', session: 'a', type, ...asked });
    return op;
  }

  add(entry: DistributiveOmit<Entry, 'at'>): void {
    this.#at += 1;
    this.entries.push({ at: this.#at, ...entry } as Entry);
  }

  answer(op: string, answered: Answered = {}): void {
    this.add({ kind: 'return', op, outcome: 'ok', ...answered });
  }

  seen(op: string, seen: Partial<Seen>): void {
    this.add({ kind: 'seen', op, life: 'L', first: 0, events: [], ...seen });
  }

  /** One operation, asked and answered with nothing in between. */
  did(type: Call['type'], asked: Asked, answered: Answered): string {
    const op = this.call(type, asked);
    this.answer(op, answered);
    return op;
  }

  create(asked: Asked = {}, answered: Answered = {}): void {
    this.did('create', asked, { life: 'L', isNew: true, first: 0, ...answered });
  }

  append(events: string[], first: number, more: [asked?: Asked, answered?: Answered] = []): string {
    const end = first + events.length;
    const answered = { life: 'L', isNew: true, first, end, ...more[1] };
    return this.did('append', { events, ...more[0] }, answered);
  }

  read(events: string[], more: [asked?: Asked, answered?: Answered] = []): void {
    const end = events.length;
    const answered = { life: 'L', first: 0, end, events, upToDate: true, ...more[1] };
    this.did('read', more[0] ?? {}, answered);
  }

  found(): Check[] {
    const text = encodeHistory(this.entries);
    return [...new Set(checkHistory(parseHistory(text)).map(({ check }) => check))];
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function story(tell: (story: Story) => void): Check[] {
  const told = new Story();
  tell(told);
  return told.found();
}

const refused = (code: string, more: Answered = {}): Answered => ({
  outcome: 'refused',
  code,
  ...more,
});

test('a life of everything that may happen has no violation', () => {
  const found = story((s) => {
    s.create();
    s.append(['x', 'y'], 0);
    s.did('head', {}, { life: 'L', tail: 2 });
    s.did('put-fact', { fact: { key: 'k', value: 'v', version: 0 } }, { life: 'L', version: 1 });
    s.did('put-fact', { fact: { key: 'j', value: 'v2' } }, { life: 'L', version: 2 });
    s.did('get-fact', { fact: { key: 'k' } }, { life: 'L', version: 1, value: 'v' });
    const lookBack = (seq: number, told: Answered): string =>
      s.did('look-back', { fact: { key: 'k', seq } }, { life: 'L', ...told });
    s.did('put-fact', { fact: { key: 'k', value: 'v3' } }, { life: 'L', version: 3, factSeq: 7 });
    lookBack(6, { version: 1, value: 'v' });
    lookBack(7, { version: 3, value: 'v3' });
    lookBack(6, { version: 0, factSeq: 7 });
    const life = (act: string, request: string): Asked => ({ session: 'l', act: { act, request } });
    const spend = (isSettling: boolean): Asked => ({
      session: 'l',
      spend: { count: 2, limit: 3, isSettling },
    });
    s.did('act', life('start', '1'), { word: 'open', rev: 1, endRev: 3 });
    s.did('spend', spend(false), { first: 1 });
    s.did('act', life('archive', '2'), refused('session-running'));
    s.answer(s.call('act', life('pause', '3')), { outcome: 'unknown' });
    s.did('look', { session: 'l' }, { word: 'paused', rev: 7 });
    s.did('act', life('resume', '4'), { word: 'paused', rev: 7, endRev: 9 });
    s.did('act', life('resume', '5'), refused('transition-refused', { word: 'active' }));
    s.did('spend', spend(false), refused('budget-reached'));
    s.did('spend', spend(true), { first: 5 });
    s.did('act', life('end', '6'), { word: 'active', rev: 11, endRev: 14 });
    const lost = s.call('append', { events: ['u'] });
    s.answer(lost, { outcome: 'unknown' });
    s.read(['x', 'y']);
    s.read(['x', 'y', 'u']);
    s.did(
      'create',
      { session: 'f', fork: { source: 'a', seq: 1 } },
      {
        life: 'F',
        isNew: true,
        first: 1,
      },
    );
    s.read(['x'], [{ session: 'f' }, { life: 'F' }]);
    s.append(['z'], 3, [{ close: true }, { closed: true }]);
    s.did('append', { events: ['w'] }, refused('session-closed', { life: 'L', tail: 4 }));
    s.did('append', { events: ['v'], matchSeq: 3 }, refused('session-closed', { tail: 4 }));
    s.did('delete', {}, {});
    s.did('head', {}, refused('session-not-found'));
    s.create({}, { life: 'M' });
    s.read([], [{}, { life: 'M' }]);
    s.add({ kind: 'end' });
  });
  expect(found).toEqual([]);
});

/** What is told here violates the check of its name, and no other where only one is listed. */
const violations: Record<Check, (story: Story) => void> = {
  'acknowledged-event-lost': (s) => {
    s.create();
    s.append(['x'], 0);
    s.read([]);
  },
  'event-twice': (s) => {
    s.create();
    s.call('append', { events: ['x'] });
    s.read(['x', 'x']);
  },
  'event-invented': (s) => {
    s.create();
    s.read(['x']);
  },
  'refused-event-stands': (s) => {
    s.create();
    s.did('append', { events: ['x'] }, refused('unavailable'));
    s.read(['x']);
  },
  'seqs-not-dense': (s) => {
    s.create();
    s.append(['x'], 0, [{}, { end: 2 }]);
  },
  'orders-differ': (s) => {
    s.create();
    s.call('append', { events: ['x'] });
    s.call('append', { events: ['y'] });
    s.read(['x', 'y'], [{}, { upToDate: false }]);
    s.read(['y', 'x'], [{}, { upToDate: false }]);
  },
  'producer-order': (s) => {
    s.create();
    s.call('append', { events: ['x'], producer: { id: 'p', epoch: 0, seq: 0 } });
    s.call('append', { events: ['y'], producer: { id: 'p', epoch: 0, seq: 1 } });
    s.read(['y', 'x']);
  },
  'real-time-order': (s) => {
    s.create();
    s.append(['x'], 1);
    s.append(['y'], 0);
  },
  'visible-before-append': (s) => {
    s.create();
    s.read(['x']);
    s.call('append', { events: ['x'] });
  },
  'stale-read': (s) => {
    s.create();
    s.append(['x'], 0);
    s.read(['x']);
    s.did('head', {}, { life: 'L', tail: 0 });
  },
  'conflicting-conditions': (s) => {
    s.create();
    s.call('append', { events: ['x'], matchSeq: 0 });
    s.call('append', { events: ['y'], matchSeq: 0 });
    s.read(['x', 'y']);
  },
  'refusal-untrue': (s) => {
    s.create();
    s.did('append', { events: ['x'], matchSeq: 0 }, refused('seq-conflict', { tail: 0 }));
  },
  'closed-opens': (s) => {
    s.create();
    s.did('head', {}, { life: 'L', tail: 0, closed: true });
    s.append(['x'], 0);
  },
  'deleted-lives': (s) => {
    s.create();
    s.did('delete', {}, {});
    s.did('head', {}, { life: 'L', tail: 0 });
  },
  'former-self': (s) => {
    s.create();
    s.append(['x'], 0);
    s.did('delete', {}, {});
    s.create({}, { life: 'M' });
    s.read(['x'], [{}, { life: 'M' }]);
  },
  'fork-differs': (s) => {
    s.create();
    s.append(['x', 'y'], 0);
    s.did(
      'create',
      { session: 'f', fork: { source: 'a', seq: 1 } },
      {
        life: 'F',
        isNew: true,
        first: 1,
      },
    );
    s.read(['x', 'y'], [{ session: 'f' }, { life: 'F' }]);
  },
  'expired-early': (s) => {
    s.create({ ttlMs: 1_000, ms: 0 }, { ms: 0 });
    s.append(['x'], 0, [{ ms: 500 }, { ms: 500 }]);
    s.did('read', { ms: 1_499 }, refused('session-not-found', { ms: 1_499 }));
  },
  'expired-lives': (s) => {
    s.create({ expiresAtMs: 1_000, ms: 0 }, { ms: 0 });
    s.did('head', { ms: 1_000 }, { life: 'L', tail: 0, ms: 1_000 });
  },
  'follower-skips': (s) => {
    s.create();
    s.append(['x', 'y', 'z'], 0);
    const op = s.call('follow');
    s.seen(op, { events: ['x'] });
    s.seen(op, { first: 2, events: ['z'] });
  },
  'never-answered': (s) => {
    s.call('head');
    s.add({ kind: 'end' });
  },
  'subscription-skips': (s) => {
    const position = (seq: number) => [{ session: 'a', life: 'L', seq }];
    const asked = { subscription: 'sub' };
    s.did('claim', asked, { isNew: true, generation: 1, positions: position(0) });
    s.did('ack', { ...asked, generation: 1, acks: position(2) }, {});
    s.did('claim', asked, { isNew: true, generation: 2, positions: position(3) });
  },
  'subscription-goes-back': (s) => {
    const position = (seq: number) => [{ session: 'a', life: 'L', seq }];
    const asked = { subscription: 'sub' };
    s.did('claim', asked, { isNew: true, generation: 1, positions: position(0) });
    s.did('ack', { ...asked, generation: 1, acks: position(2) }, {});
    s.did('claim', asked, { isNew: true, generation: 2, positions: position(1) });
  },
  'pending-forgotten': (s) => {
    s.create();
    s.did('subscribe', { subscription: 'sub', covers: ['a'] }, { isNew: true });
    s.append(['x'], 0);
    s.did('claim', { subscription: 'sub' }, refused('no-pending-work'));
  },
  'beyond-tail': (s) => {
    const asked = { subscription: 'sub' };
    s.create();
    s.did('subscribe', { ...asked, covers: ['a'] }, { isNew: true });
    s.append(['x'], 0);
    s.did('claim', asked, { isNew: true, generation: 1 });
    const acks = [{ session: 'a', life: 'L', seq: 2 }];
    s.did('ack', { ...asked, generation: 1, acks }, {});
  },
  'generation-twice': (s) => {
    const asked = { subscription: 'sub' };
    s.did('wake', asked, { generation: 1, wake: 'one' });
    s.did('wake', asked, { generation: 1, wake: 'other' });
  },
  'lease-taken-early': (s) => {
    const asked = { subscription: 'sub' };
    s.did('subscribe', { ...asked, leaseMs: 100 }, { isNew: true });
    s.did('claim', { ...asked, steadyMs: 10 }, { isNew: true, generation: 1, steadyMs: 11 });
    s.did('claim', { ...asked, steadyMs: 20 }, { isNew: true, generation: 2, steadyMs: 109 });
  },
  'fenced-ack': (s) => {
    const asked = { subscription: 'sub' };
    s.did('claim', asked, { isNew: true, generation: 1 });
    s.did('claim', asked, { isNew: true, generation: 2 });
    s.did('ack', { ...asked, generation: 1, acks: [{ session: 'a', seq: 1 }] }, {});
  },
  'fact-lost': (s) => {
    s.create();
    s.did('put-fact', { fact: { key: 'k', value: 'v' } }, { life: 'L', version: 1 });
    s.did('get-fact', { fact: { key: 'k' } }, { life: 'L', version: 0 });
  },
  'fact-invented': (s) => {
    s.create();
    s.did('put-fact', { fact: { key: 'k', value: 'v' } }, { life: 'L', version: 1 });
    s.did('get-fact', { fact: { key: 'k' } }, { life: 'L', version: 1, value: 'w' });
  },
  'act-twice': (s) => {
    const end = { act: { act: 'end', request: 'r' } };
    s.did('act', end, { word: 'open', rev: 1, endRev: 4 });
    s.did('act', end, { word: 'open', rev: 4, endRev: 7 });
  },
  'act-forbidden': (s) => {
    s.did('act', { act: { act: 'resume', request: 'r' } }, { word: 'open', rev: 1, endRev: 3 });
  },
  'life-untrue': (s) => {
    s.did('act', { act: { act: 'pause', request: 'r' } }, { word: 'open', rev: 1, endRev: 3 });
    s.did('look', {}, { word: 'active', rev: 3 });
  },
  'life-goes-back': (s) => {
    s.did('act', { act: { act: 'pause', request: 'r' } }, { word: 'open', rev: 1, endRev: 3 });
    s.did('look', {}, { word: 'open', rev: 1 });
  },
  'budget-exceeded': (s) => {
    const spend = { count: 2, limit: 3, isSettling: false };
    s.did('spend', { spend }, { first: 0 });
    s.did('spend', { spend }, { first: 2 });
    s.did('spend', { spend }, { first: 4 });
  },
  'fact-twice': (s) => {
    s.create();
    s.did('put-fact', { fact: { key: 'k', value: 'v', version: 0 } }, { life: 'L', version: 1 });
    s.did('put-fact', { fact: { key: 'k', value: 'w', version: 0 } }, { life: 'L', version: 2 });
  },
  'fact-past-untrue': (s) => {
    s.create();
    s.did('put-fact', { fact: { key: 'k', value: 'v' } }, { life: 'L', version: 1, factSeq: 2 });
    s.did('look-back', { fact: { key: 'k', seq: 2 } }, { life: 'L', version: 0, factSeq: 2 });
  },
  'kept-too-long': (s) => {
    s.did('keep-append', { kept: { word: 'v' } }, { kept: { seq: 0 } });
    s.did('keep-redact', { kept: { seq: 0 } }, {});
    s.did('keep-read', {}, { kept: { head: 0, words: ['v'] } });
  },
  'kept-no-more': (s) => {
    s.did('keep-append', { kept: { word: 'v' } }, { kept: { seq: 0 } });
    s.did('keep-append', { kept: { word: 'w' } }, { kept: { seq: 1 } });
    s.did('keep-trim', { kept: { seq: 1 } }, {});
    s.did('keep-read', {}, { kept: { head: 1, words: [''] } });
  },
};

test.each(checks.map((check) => [check, violations[check]] as const))('finds %s', (check, tell) => {
  expect(story(tell)).toContain(check);
});

test('two conditions that met the same tail are not both acknowledged', () => {
  const found = story((s) => {
    s.create();
    const [one, other] = [
      s.call('append', { events: ['x'], matchSeq: 0 }),
      s.call('append', { events: ['y'], matchSeq: 0 }),
    ];
    s.answer(one, { life: 'L', isNew: true, first: 0, end: 1 });
    s.answer(other, { life: 'L', isNew: true, first: 0, end: 1 });
  });
  expect(found).toEqual(['acknowledged-event-lost']);
});

test('an unknown append that one reader saw is there for all who come later', () => {
  const found = story((s) => {
    s.create();
    s.answer(s.call('append', { events: ['u'] }), { outcome: 'unknown' });
    s.read(['u']);
    s.read([]);
  });
  expect(found).toEqual(['stale-read']);
});

test('a close that was acknowledged and not taken is found', () => {
  const repeated = { events: ['x'], close: true, isRepeatable: true };
  const found = story((s) => {
    s.create();
    s.append(['x'], 0);
    s.did('append', repeated, { life: 'L', isNew: false, first: 0, end: 1, closed: false });
  });
  expect(found).toEqual(['closed-opens']);
});

test('a Stream-Seq that does not rise is found', () => {
  const found = story((s) => {
    s.create();
    s.append(['x'], 0, [{ streamSeq: 'b' }]);
    s.append(['y'], 1, [{ streamSeq: 'a' }]);
  });
  expect(found).toEqual(['conflicting-conditions']);
});

test('a session that is there twice with nothing between is found', () => {
  const found = story((s) => {
    s.create();
    s.create({}, { life: 'M' });
  });
  expect(found).toEqual(['conflicting-conditions']);
});

test('a session that is lost without a delete is found', () => {
  const found = story((s) => {
    s.create();
    s.did('head', {}, refused('session-not-found'));
  });
  expect(found).toEqual(['stale-read']);
});

test('a fork of another text than its source is found', () => {
  const found = story((s) => {
    s.create();
    s.append(['x', 'y'], 0);
    const forked = { life: 'F', isNew: true, first: 2 };
    s.did('create', { session: 'f', fork: { source: 'a' } }, forked);
    s.append(['z'], 2, [{ session: 'f' }, { life: 'F' }]);
    s.read(['x', 'z', 'y'], [{ session: 'f' }, { life: 'F', upToDate: false }]);
  });
  expect(found).toContain('orders-differ');
});

test('a fork in the middle of what its source inherited shows a piece of that piece, and no other', () => {
  const told = (piece: string): Check[] =>
    story((s) => {
      s.create();
      s.append(['x'], 0);
      const inside = (source: string): Asked => ({ fork: { source, isInside: true } });
      const forked = { isNew: true };
      s.did('create', { session: 'f', ...inside('a') }, { ...forked, life: 'F' });
      s.did('create', { session: 'g', ...inside('f') }, forked);
      s.read(['cut:<x:abc'], [{ session: 'f' }, { life: 'F' }]);
      s.read([piece], [{ session: 'g' }, { life: 'G' }]);
    });
  expect(told('cut:<x')).toEqual([]);
  expect(told('cut:<y')).toEqual(['fork-differs']);
});

test('a fork at the tail that misses what was acknowledged is found', () => {
  const found = story((s) => {
    s.create();
    s.append(['x', 'y'], 0);
    const forked = { life: 'F', isNew: true, first: 1 };
    s.did('create', { session: 'f', fork: { source: 'a' } }, forked);
    s.read(['x'], [{ session: 'f' }, { life: 'F' }]);
  });
  expect(found).toEqual(['acknowledged-event-lost']);
});

test('a read behind a deposed leader may be as old as its fall, and no older', () => {
  const tell =
    (isOlder: boolean) =>
    (s: Story): void => {
      s.create();
      s.append(['x'], 0);
      s.read(['x']);
      if (isOlder) s.append(['y'], 1, [{ shard: 'p' }]);
      s.add({ kind: 'deposed', shard: 'p' });
      if (!isOlder) s.append(['y'], 1, [{ shard: 'p' }]);
      s.did('head', { shard: 'p' }, { life: 'L', tail: 1 });
      s.add({ kind: 'known', shard: 'p' });
      s.read(['x', 'y'], [{ shard: 'p' }]);
    };
  expect(story(tell(false))).toEqual([]);
  expect(story(tell(true))).toEqual(['stale-read']);
});

test('a close that only its writer tells of, without its life, may have been, and is not undone', () => {
  const tell =
    (isSeenOpen: boolean) =>
    (s: Story): void => {
      s.create();
      s.did('append', { close: true }, { isNew: true, first: 0, end: 0, closed: true });
      if (isSeenOpen) s.did('head', {}, { life: 'L', tail: 0 });
      s.did('delete', {}, {});
    };
  expect(story(tell(false))).toEqual([]);
  expect(story(tell(true))).toEqual(['stale-read']);
});

test('behind a deposed leader a create may still find what was deleted since its fall', () => {
  const tell =
    (isOlder: boolean) =>
    (s: Story): void => {
      s.create();
      if (isOlder) s.did('delete', { shard: 'p' }, {});
      s.add({ kind: 'deposed', shard: 'p' });
      if (!isOlder) s.did('delete', { shard: 'p' }, {});
      s.did('create', { shard: 'p' }, refused('session-exists'));
      s.add({ kind: 'known', shard: 'p' });
    };
  expect(story(tell(false))).toEqual([]);
  expect(story(tell(true))).toEqual(['refusal-untrue']);
});

test('a delete ends whatever lived when it began', () => {
  const found = story((s) => {
    s.create();
    s.did('delete', {}, {});
    s.create({}, { life: 'M' });
    s.append(['x'], 0);
  });
  expect(found).toContain('deleted-lives');
});

test('a retry that stood in two lives is no violation, an append that did is', () => {
  const tell = (isRetried: boolean) => (s: Story) => {
    s.create();
    s.answer(s.call('append', { events: ['x'], isRepeatable: true }), { outcome: 'unknown' });
    s.read(['x']);
    s.did('delete', {}, {});
    s.create({}, { life: 'M' });
    const more: [Asked, Answered] = [{ isRepeatable: true }, { life: 'M' }];
    if (isRetried) s.append(['x'], 0, more);
    s.read(['x'], [{}, { life: 'M' }]);
  };
  expect(story(tell(true))).toEqual([]);
  expect(story(tell(false))).toEqual(['former-self']);
});

const minded = { subscription: 'sub', covers: ['a'] };
const taken = (seq: number, tail: number): Answered => ({
  positions: [{ session: 'a', life: 'L', seq, tail }],
});

test('a subscription that hands out everything once, from its tail on, is clean', () => {
  const found = story((s) => {
    s.create();
    s.append(['x'], 0);
    s.did('subscribe', { ...minded, leaseMs: 100 }, { isNew: true });
    s.append(['y', 'z'], 1);
    const claimed = { isNew: true, generation: 1, wake: 'w', ...taken(1, 3) };
    s.did('claim', { ...minded, steadyMs: 0 }, { ...claimed, steadyMs: 1 });
    s.answer(s.call('append', { events: ['u'] }), { outcome: 'unknown' });
    const acks = [{ session: 'a', life: 'L', seq: 2 }];
    s.did('ack', { ...minded, generation: 1, acks, steadyMs: 50 }, {});
    const again = { isNew: true, generation: 2, wake: 'v', ...taken(2, 3) };
    s.did('claim', { ...minded, steadyMs: 150 }, { ...again, steadyMs: 151 });
    const done = { generation: 2, acks: [{ session: 'a', life: 'L', seq: 3 }], done: true };
    s.did('ack', { ...minded, ...done }, {});
    s.did('claim', minded, refused('no-pending-work'));
    s.add({ kind: 'drained', from: 100 });
  });
  expect(found).toEqual([]);
});

test('an event behind the subscription that is skipped by its first wake is found', () => {
  const found = story((s) => {
    s.create();
    s.did('subscribe', minded, { isNew: true });
    s.append(['x'], 0);
    s.read(['x']);
    s.did('wake', minded, { generation: 1, wake: 'w', ...taken(1, 1) });
  });
  expect(found).toEqual(['subscription-skips']);
});

test('an event that is pending in the end and was handed to nobody is found', () => {
  const tell = (isDeleted: boolean) => (s: Story) => {
    s.create();
    s.did('subscribe', minded, { isNew: true });
    s.append(['x'], 0);
    if (isDeleted) s.did('unsubscribe', minded, {});
    s.add({ kind: 'drained', from: 100 });
  };
  expect(story(tell(false))).toEqual(['pending-forgotten']);
  expect(story(tell(true))).toEqual([]);
});

test('a session that was unlinked is not pending, though its subscription is confirmed', () => {
  const tell = (isLinkedAgain: boolean) => (s: Story) => {
    s.create();
    s.did('subscribe', minded, { isNew: true });
    s.did('unlink', minded, {});
    s.did('subscribe', minded, { isNew: false });
    if (isLinkedAgain) s.did('link', minded, {});
    s.append(['x'], 0);
    s.did('claim', minded, refused('no-pending-work'));
  };
  expect(story(tell(false))).toEqual([]);
  expect(story(tell(true))).toEqual(['pending-forgotten']);
});

test('an ack behind the end of its own wake is found', () => {
  const tell = (type: 'release' | 'unsubscribe' | 'ack') => (s: Story) => {
    const wake = { ...minded, generation: 1 };
    s.did('claim', minded, { isNew: true, generation: 1, wake: 'w' });
    s.did(type, { ...wake, done: true }, {});
    s.did('ack', wake, {});
  };
  for (const type of ['release', 'unsubscribe', 'ack'] as const) {
    expect(story(tell(type))).toEqual(['fenced-ack']);
  }
});

test('tens of thousands of operations in one life are checked', () => {
  const s = new Story();
  s.create();
  for (let seq = 0; seq < 10_000; seq += 1) {
    s.append([`e${seq}`], seq);
    s.did('head', {}, { life: 'L', tail: seq + 1 });
  }
  expect(checkHistory(s.entries)).toEqual([]);
});

test('a history whose last line was cut is read up to it', () => {
  const text = encodeHistory([{ at: 1, kind: 'end' }]);
  expect(parseHistory(`${text}{"at":2,"ki`)).toEqual([{ at: 1, kind: 'end' }]);
  expect(() => parseHistory('{"at":1,"kind":"other"}\n')).toThrow('no entry');
});

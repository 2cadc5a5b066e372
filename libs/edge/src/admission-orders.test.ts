// Whatever the order in which requests come, bodies arrive and connections end, what is held is what
// belongs to requests that are there, and nothing once none is.

import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type MetricShape, type Metrics, silentMetrics } from '@tidemark/ports';
import { SimulatedClock } from '@tidemark/ports/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Admission, admissionDefaults } from './admission.ts';

class Exchange {
  readonly incoming = {} as IncomingMessage;
  readonly #outgoing = Object.assign(new EventEmitter(), {
    req: this.incoming,
    destroyed: false,
  });
  isEntered = false;
  bytes = 0;

  get outgoing(): ServerResponse {
    return this.#outgoing as unknown as ServerResponse;
  }

  get isOver(): boolean {
    return this.#outgoing.destroyed;
  }

  close(): void {
    if (this.isOver) return;
    this.#outgoing.destroyed = true;
    this.#outgoing.emit('close');
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('enter' as const), exchange: fc.nat({ max: 9 }) }),
  fc.record({ kind: fc.constant('close' as const), exchange: fc.nat({ max: 9 }) }),
  fc.record({
    kind: fc.constant('hold' as const),
    exchange: fc.nat({ max: 9 }),
    bytes: fc.nat({ max: 400 }),
  }),
);

test('requests, their bodies and their ends in any order leave nothing behind', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const gauges = new Map<string, () => number>();
      const metrics: Metrics = {
        ...silentMetrics,
        observedGauge: ({ name }: MetricShape, read) => void gauges.set(name, read),
      };
      const parts = { clock: new SimulatedClock(), metrics, busyShare: () => 0 };
      const bounds = { ...admissionDefaults, writesMax: 8, bodyBytesMax: 2_000 };
      const admission = new Admission(parts, bounds);
      const exchanges = Array.from({ length: 10 }, () => new Exchange());
      const held = (): [number, number] => {
        const there = exchanges.filter(({ isEntered, isOver }) => isEntered && !isOver);
        return [there.length, there.reduce((sum, { bytes }) => sum + bytes, 0)];
      };
      const told = (): (number | undefined)[] =>
        ['writes_in_flight', 'body_bytes'].map((name) => gauges.get(`tidemark_edge_${name}`)?.());
      for (const one of steps) {
        const at = exchanges[one.exchange] as Exchange;
        if (one.kind === 'close') at.close();
        else if (one.kind === 'enter') {
          if (at.isEntered) continue;
          at.isEntered = admission.enter(`peer-${one.exchange % 3}`, at) === undefined;
        } else if (admission.hold(at.incoming, one.bytes) === undefined && !at.isOver) {
          at.bytes += one.bytes;
        }
        expect(told()).toEqual(held());
      }
      for (const exchange of exchanges) exchange.close();
      expect(told()).toEqual([0, 0]);
      admission.close();
    }),
  );
});

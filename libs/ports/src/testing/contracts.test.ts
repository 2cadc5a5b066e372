import { describeEventLog } from './event-log-contract.ts';
import { describeObjectStore } from './object-store-contract.ts';
import { SeededPrng } from './seeded-prng.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { SimulatedEventLog } from './simulated-event-log.ts';
import { SimulatedObjectStore } from './simulated-object-store.ts';

for (const instant of [true, false]) {
  const kind = instant ? 'instant' : 'on a simulated clock';

  describeEventLog(`the simulated log, ${kind},`, async () => {
    const clock = new SimulatedClock();
    const simulated = new SimulatedEventLog({ clock, prng: new SeededPrng(1), instant });
    const [log, secondHandle] = [simulated.connect('a'), simulated.connect('b')];
    return {
      log,
      secondHandle,
      clock,
      [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
    };
  });

  describeObjectStore(`the simulated store, ${kind},`, async () => {
    const clock = new SimulatedClock();
    const simulated = new SimulatedObjectStore({ clock, prng: new SeededPrng(1), instant });
    const [store, secondHandle] = [simulated.connect('a'), simulated.connect('b')];
    return {
      store,
      secondHandle,
      clock,
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  });
}

// What the agents of the demo work on: invented, and told as a harness of coding agents tells it.

export type DemoStep =
  | { readonly kind: 'think'; readonly text: string }
  | { readonly kind: 'say'; readonly text: string }
  | {
      readonly kind: 'tool';
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
      readonly result: string;
      readonly tookMs: number;
      readonly isError?: boolean;
    }
  /** A tool call that a person has to allow. */
  | {
      readonly kind: 'ask';
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
      readonly result: string;
    }
  | { readonly kind: 'fail'; readonly type: string; readonly message: string };

export interface DemoTask {
  readonly title: string;
  readonly prompt: string;
  readonly steps: readonly DemoStep[];
  readonly next?: string;
}

const think = (text: string): DemoStep => ({ kind: 'think', text });
const say = (text: string): DemoStep => ({ kind: 'say', text });
const bash = (command: string, result: string, tookMs = 900): DemoStep => ({
  kind: 'tool',
  name: 'bash',
  input: { command },
  result,
  tookMs,
});
const failing = (command: string, result: string, tookMs = 2_400): DemoStep => ({
  kind: 'tool',
  name: 'bash',
  input: { command },
  result,
  tookMs,
  isError: true,
});
const read = (path: string, result: string): DemoStep => ({
  kind: 'tool',
  name: 'read',
  input: { file_path: path },
  result,
  tookMs: 60,
});
const grep = (pattern: string, path: string, result: string): DemoStep => ({
  kind: 'tool',
  name: 'grep',
  input: { pattern, path },
  result,
  tookMs: 140,
});
const edit = (path: string, before: string, after: string): DemoStep => ({
  kind: 'tool',
  name: 'edit',
  input: { file_path: path, old_string: before, new_string: after },
  result: `The file ${path} has been updated.`,
  tookMs: 80,
});
const ask = (command: string, result: string): DemoStep => ({
  kind: 'ask',
  name: 'bash',
  input: { command },
  result,
});

export const demoTasks: readonly DemoTask[] = [
  {
    title: 'Retry payments that time out',
    prompt:
      'Payments to the card processor time out about twice a day and we never retry. Add a retry that cannot charge anybody twice.',
    steps: [
      think(
        'A retry is only safe with an idempotency key. Look at how the client sends a charge first.',
      ),
      grep(
        'createCharge',
        'src/',
        'src/payments/charge.ts:41:export async function createCharge(order: Order) {\nsrc/payments/charge.test.ts:12:  const charge = await createCharge(order);\nsrc/checkout/complete.ts:88:    await createCharge(order);',
      ),
      read(
        'src/payments/charge.ts',
        "  38  import { processor } from './processor.ts';\n  39  \n  40  /** Charges the card of an order. */\n  41  export async function createCharge(order: Order) {\n  42    const response = await processor.post('/charges', bodyOf(order));\n  43    return parseCharge(response);\n  44  }",
      ),
      say(
        'The charge has no idempotency key, so today a retry could charge twice. I derive the key from the order and its attempt to pay, then retry only what timed out.',
      ),
      edit(
        'src/payments/charge.ts',
        "export async function createCharge(order: Order) {\n  const response = await processor.post('/charges', bodyOf(order));\n  return parseCharge(response);\n}",
        "export async function createCharge(order: Order) {\n  const key = `${order.id}:${order.paymentAttempt}`;\n  const response = await withRetry(\n    () => processor.post('/charges', bodyOf(order), { idempotencyKey: key }),\n    { attemptsMax: 3, isWorthIt: isTimeout },\n  );\n  return parseCharge(response);\n}",
      ),
      failing(
        'npm test -- src/payments',
        ' FAIL  src/payments/charge.test.ts > createCharge > is charged once\n  AssertionError: expected 2 to be 1\n\n   - Expected\n   + Received\n\n   - 1\n   + 2\n\n ❯ src/payments/charge.test.ts:27:34\n     25|     await createCharge(order);\n     26|     await createCharge(order);\n     27|     expect(fake.charges.length).toBe(1);\n       |                                  ^\n\n Test Files  1 failed (1)\n      Tests  1 failed | 6 passed (7)',
      ),
      think('The fake ignores the key. It has to honour it as the real processor does.'),
      edit(
        'test/fake-processor.ts',
        '  post(path: string, body: Json) {\n    this.charges.push(body);\n    return { id: `ch_${this.charges.length}` };\n  }',
        '  post(path: string, body: Json, { idempotencyKey }: PostOptions = {}) {\n    const known = this.byKey.get(idempotencyKey);\n    if (known !== undefined) return known;\n    this.charges.push(body);\n    const answer = { id: `ch_${this.charges.length}` };\n    this.byKey.set(idempotencyKey, answer);\n    return answer;\n  }',
      ),
      bash(
        'npm test -- src/payments',
        ' ✓ src/payments/charge.test.ts (8 tests) 214ms\n\n Test Files  1 passed (1)\n      Tests  8 passed (8)\n   Duration  1.31s',
        2_100,
      ),
      say(
        'Done. A charge is retried up to three times when the processor does not answer, always under the same key:\n\n```ts\nconst key = `${order.id}:${order.paymentAttempt}`;\n```\n\nThe fake processor honours keys now, so the test shows that a retry is charged once.',
      ),
    ],
    next: 'Good. Also log how many attempts a charge took.',
  },
  {
    title: 'Migrate the search index to the new schema',
    prompt: 'Move the product index to schema v4 without downtime. Staging first.',
    steps: [
      think('Two indexes and an alias: fill the new one beside the old, then switch the alias.'),
      bash(
        'curl -s staging-search:9200/_cat/indices?v',
        'health status index        docs.count store.size\ngreen  open   products-v3     1184203      2.1gb\ngreen  open   suggestions-v1   402118    310.4mb',
      ),
      read(
        'search/schema-v4.json',
        '{\n  "properties": {\n    "title": { "type": "text", "analyzer": "folded" },\n    "sku": { "type": "keyword" },\n    "price_cents": { "type": "long" },\n    "facets": { "type": "flattened" }\n  }\n}',
      ),
      bash(
        'search/reindex.sh staging products-v3 products-v4',
        'created products-v4\ncopied 1184203 documents in 94 s\nfailures: 0',
        4_200,
      ),
      say(
        'products-v4 is filled and has as many documents as v3. Switching the alias is the step that users see, so I ask first.',
      ),
      ask(
        'search/switch-alias.sh staging products products-v3 products-v4',
        'alias products: products-v3 -> products-v4\nacknowledged: true',
      ),
      bash('search/smoke.sh staging', '42 queries, 42 as expected, p95 38 ms', 1_800),
      say(
        'The alias points at v4 on staging and the 42 smoke queries answer as before. Production is ready to be done the same way.',
      ),
    ],
  },
  {
    title: 'Find the leak in the image worker',
    prompt: 'The image worker is killed for memory every six hours or so. Find out why.',
    steps: [
      bash(
        'kubectl top pod -l app=image-worker',
        'NAME                            CPU(cores)   MEMORY(bytes)\nimage-worker-6c9f7d8b4-2xkqp    412m         1873Mi\nimage-worker-6c9f7d8b4-m8w5t    388m         1790Mi',
      ),
      grep(
        'new Map\\(|cache',
        'worker/src',
        'worker/src/decode.ts:9:const decoded = new Map<string, Bitmap>();\nworker/src/resize.ts:22:  const cached = decoded.get(key);\nworker/src/resize.ts:31:  decoded.set(key, bitmap);',
      ),
      read(
        'worker/src/resize.ts',
        '  20  export async function resize(job: Job) {\n  21    const key = job.source;\n  22    const cached = decoded.get(key);\n  23    const bitmap = cached ?? (await decode(job.source));\n  ...\n  31    decoded.set(key, bitmap);\n  32    return encode(bitmap, job.width);\n  33  }',
      ),
      say(
        'The cache of decoded bitmaps is never cut: at about 12 MB each it reaches the limit after some 150 images. I bound it by bytes.',
      ),
      edit(
        'worker/src/decode.ts',
        'const decoded = new Map<string, Bitmap>();',
        'const decoded = new ByteBoundedCache<Bitmap>({\n  bytesMax: 256 * 1024 * 1024,\n  sizeOf: ({ width, height }) => width * height * 4,\n});',
      ),
      bash(
        'npm test -w worker',
        ' ✓ worker/src/decode.test.ts (5 tests)\n ✓ worker/src/resize.test.ts (11 tests)\n\n      Tests  16 passed (16)',
        3_300,
      ),
      bash(
        'node worker/bench/soak.ts --minutes 2',
        'minute 1: 388 MiB\nminute 2: 391 MiB\nsteady',
        5_000,
      ),
      say(
        'Memory is steady at about 390 MiB in the soak test. The cache keeps 256 MiB of bitmaps at most, the least used go first.',
      ),
    ],
  },
  {
    title: 'Upgrade to the new date library',
    prompt: 'Replace the old date library with Temporal everywhere in the billing package.',
    steps: [
      grep(
        "from 'moment'",
        'billing/',
        "billing/src/period.ts:1:import moment from 'moment';\nbilling/src/invoice.ts:3:import moment from 'moment';\nbilling/src/dunning.ts:2:import moment from 'moment';",
      ),
      read(
        'billing/src/period.ts',
        "   1  import moment from 'moment';\n   2  \n   3  export const nextPeriod = (start: Date) =>\n   4    moment(start).add(1, 'month').toDate();",
      ),
      think(
        'Adding a month to 31 January: moment clamps to 28 February, and so does Temporal by default. Keep a test for it.',
      ),
      edit(
        'billing/src/period.ts',
        "import moment from 'moment';\n\nexport const nextPeriod = (start: Date) =>\n  moment(start).add(1, 'month').toDate();",
        'export const nextPeriod = (start: Temporal.PlainDate): Temporal.PlainDate =>\n  start.add({ months: 1 });',
      ),
      failing(
        'npx tsc --noEmit -p billing',
        "billing/src/invoice.ts(48,31): error TS2345: Argument of type 'Date' is not assignable to parameter of type 'PlainDate'.\nbilling/src/dunning.ts(19,22): error TS2345: Argument of type 'Date' is not assignable to parameter of type 'PlainDate'.",
        5_600,
      ),
      {
        kind: 'fail',
        type: 'model_overloaded_error',
        message:
          'The model is overloaded. It was asked five times within two minutes and did not answer.',
      },
    ],
  },
  {
    title: 'Delete accounts that nobody used',
    prompt: 'Remove the test accounts from before 2024 from the staging database.',
    steps: [
      bash(
        'psql staging -c "select count(*) from accounts where is_test and created_at < \'2024-01-01\'"',
        ' count\n-------\n  3127\n(1 row)',
      ),
      say(
        'There are 3,127 test accounts from before 2024. Deleting rows cannot be undone, so I show what I will run.',
      ),
      ask(
        'psql staging -c "delete from accounts where is_test and created_at < \'2024-01-01\'"',
        'DELETE 3127',
      ),
      say(
        '3,127 accounts are gone. Nothing that references them is left: the foreign keys cascade.',
      ),
    ],
  },
  {
    title: 'Explain why the nightly build got slower',
    prompt: 'The nightly build went from 11 to 19 minutes last week. What changed?',
    steps: [
      bash(
        'git log --oneline --since=8.days -- ci/ package.json',
        'a91f3c2 ci: run the browser tests on each push\n7b0e4d1 deps: bump the bundler\n2cc81f0 ci: cache by lock file',
      ),
      bash(
        'ci/timings.sh 7b0e4d1~1 7b0e4d1',
        'step          before   after\ninstall         0:48    0:49\nbundle          2:10    9:54\ntest            6:31    6:40\nupload          1:02    1:01',
        2_700,
      ),
      think('Bundling is what grew: source maps, or the cache directory that moved?'),
      bash(
        'cat ci/bundle.yml',
        "cache:\n  key: bundle-${{ hash('package-lock.json') }}\n  path: .bundler/cache\n",
        90,
      ),
      {
        kind: 'tool',
        name: 'web_search',
        input: { query: 'bundler 7 release notes cache directory' },
        result:
          '1. Bundler 7.0: what is new\n   "The cache directory moved from .bundler/cache to node_modules/.cache/bundler."\n2. Migrating from 6 to 7',
        tookMs: 1_900,
      },
      say(
        'The bundler moved its cache in version 7, and CI still keeps the old folder: each night starts cold. One line brings it back:',
      ),
      edit('ci/bundle.yml', '  path: .bundler/cache', '  path: node_modules/.cache/bundler'),
      say('Expected: bundling at about two minutes again, eleven in all.'),
    ],
    next: 'Thanks. Put that into the incident notes too.',
  },
];

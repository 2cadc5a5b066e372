import { expect, test } from 'vitest';
import { Questions } from './questions.ts';

interface Asked {
  readonly subject: string;
  readonly items: readonly string[];
  readonly answer: PromiseWithResolvers<string>;
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function asking(): {
  readonly questions: Questions<string, string, string>;
  readonly asked: Asked[];
} {
  const asked: Asked[] = [];
  const questions = new Questions<string, string, string>(
    (subject, items) => {
      const answer = Promise.withResolvers<string>();
      asked.push({ subject, items: [...items], answer });
      return answer.promise;
    },
    () => Promise.resolve(),
  );
  return { questions, asked };
}

test('those who call at the same time share a question, and what each asks for is in it', async () => {
  const { questions, asked } = asking();
  const answers = [questions.join('s', ['a', 'b']), questions.join('s', ['b', 'c'])];
  await turn();
  expect(asked).toMatchObject([{ subject: 's', items: ['a', 'b', 'c'] }]);
  asked[0]?.answer.resolve('one');
  expect(await Promise.all(answers)).toEqual(['one', 'one']);
});

test('a call joins no question that was sent before it, and one forms at a time', async () => {
  const { questions, asked } = asking();
  const early = questions.join('s');
  await turn();
  const late = [questions.join('s'), questions.join('s')];
  await turn();
  expect(asked).toHaveLength(1);
  asked[0]?.answer.resolve('early');
  expect(await early).toBe('early');
  await turn();
  const latest = questions.join('s');
  await turn();
  expect(asked).toHaveLength(2);
  asked[1]?.answer.resolve('late');
  expect(await Promise.all(late)).toEqual(['late', 'late']);
  await turn();
  asked[2]?.answer.resolve('latest');
  expect(await latest).toBe('latest');
});

test('a subject that does not answer holds up no other', async () => {
  const { questions, asked } = asking();
  void questions.join('sick');
  await turn();
  const healthy = questions.join('healthy');
  await turn();
  asked.find(({ subject }) => subject === 'healthy')?.answer.resolve('well');
  expect(await healthy).toBe('well');
});

test('a question that fails is not the last', async () => {
  const { questions, asked } = asking();
  const failing = questions.join('s');
  await turn();
  const next = questions.join('s');
  asked[0]?.answer.reject(new Error('no answer'));
  await expect(failing).rejects.toThrow('no answer');
  await turn();
  asked[1]?.answer.resolve('answer');
  expect(await next).toBe('answer');
});

// Bodies of appends. An event is JSON of an exact length; numbered ones carry their number where a
// follower finds it without parsing.

const numberDigits = 9;
const numberMark = Buffer.from('"n":"');

/** `{"d":"xxx"}`, so many bytes. */
export const eventText = (bytes: number): string => `{"d":"${'x'.repeat(bytes - 8)}"}`;

export const appendBody = (events: number, eventBytes: number): Buffer =>
  events === 1
    ? Buffer.from(eventText(eventBytes))
    : Buffer.from(`[${Array.from({ length: events }, () => eventText(eventBytes)).join(',')}]`);

/** `{"type":"note","d":"xxx"}`, so many bytes. */
export function typedEvent(bytes: number): Buffer {
  const frame = '{"type":"note","d":""}';
  return Buffer.from(frame.replace('"d":"', `"d":"${'x'.repeat(bytes - frame.length)}`));
}

/** A request whose event carries a number, to be overwritten before each send. */
export const numberedEvent = (bytes: number): Buffer => {
  const frame = `{"n":"${'0'.repeat(numberDigits)}","d":""}`;
  return Buffer.from(frame.replace('"d":"', `"d":"${'x'.repeat(bytes - frame.length)}`));
};

export function setNumber(request: Buffer, number: number): void {
  const at = request.lastIndexOf(numberMark) + numberMark.length;
  request.write(String(number).padStart(numberDigits, '0'), at, 'latin1');
}

/** Finds the numbers in whatever pieces a socket hands out. */
export class NumberScanner {
  #rest: Buffer | undefined;

  scan(chunk: Buffer, found: (number: number) => void): void {
    const data = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = data.indexOf(numberMark);
    while (at >= 0) {
      const first = at + numberMark.length;
      if (first + numberDigits > data.length) {
        this.#rest = Buffer.from(data.subarray(at));
        return;
      }
      let number = 0;
      for (let digit = first; digit < first + numberDigits; digit += 1) {
        number = number * 10 + (data[digit] ?? 48) - 48;
      }
      found(number);
      at = data.indexOf(numberMark, first + numberDigits);
    }
    // A mark may be cut: keep what could be its beginning.
    const cut = data.lastIndexOf('"', data.length - 1);
    if (cut >= data.length - numberMark.length && data.length > 0) {
      const tail = data.subarray(cut);
      if (numberMark.subarray(0, tail.length).equals(tail)) this.#rest = Buffer.from(tail);
    }
  }
}

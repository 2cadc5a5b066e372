// What events look like, so that a reader can tell whose each is:
//
//   JSON session   {"e":"17.0","p":"xxx"}
//   byte stream    <17.0:xxx>

import { bytesOf, concatBytes, textOf } from '@tidemark/std';

/** The bodies of all events by name: nothing that was read may differ from what was sent. */
export class Bodies {
  readonly #texts = new Map<string, string>();

  add(name: string, isJson: boolean, paddingBytes: number): Uint8Array {
    const padding = 'x'.repeat(paddingBytes);
    const text = isJson ? JSON.stringify({ e: name, p: padding }) : `<${name}:${padding}>`;
    this.#texts.set(name, text);
    return bytesOf(text);
  }

  namesIn(bodies: readonly Uint8Array[], isJson: boolean): string[] {
    const text = textOf(concatBytes(bodies));
    if (!isJson) return text === '' ? [] : text.split(/(?=<)/).map((part) => this.#byteName(part));
    return valuesIn(text).map((value) => {
      const name = value.e ?? '';
      return this.#texts.get(name) === JSON.stringify(value) ? name : `garbled ${name}`;
    });
  }

  #byteName(text: string): string {
    const name = /^<([^:>]+):/.exec(text)?.[1] ?? '';
    return this.#texts.get(name) === text ? name : `cut:${text.slice(0, 40)}`;
  }
}

function valuesIn(text: string): { readonly e?: string }[] {
  try {
    return JSON.parse(`[${text.slice(0, -1)}]`) as { readonly e?: string }[];
  } catch {
    return [{ e: 'garbled' }];
  }
}

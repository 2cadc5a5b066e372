import { type Json, textOf } from './json-fields.ts';

export interface NamedFile {
  readonly url: unknown;
  readonly media: unknown;
  readonly name: unknown;
}

/** A file as a block of content; one that is told inside of its address by its bytes. */
export function fileBlock({ url, media, name }: NamedFile): Json {
  const [, type, data] = /^data:([^;,]+);base64,(.*)$/s.exec(textOf(url) ?? '') ?? [];
  const isImage = (textOf(media) ?? '').startsWith('image/');
  const title = textOf(name);
  return {
    type: isImage ? 'image' : 'document',
    source:
      data === undefined
        ? { type: 'url', url: url ?? '' }
        : { type: 'base64', media_type: type, data },
    ...(title === undefined ? {} : { title }),
  };
}

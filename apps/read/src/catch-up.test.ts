import { describe, expect, test } from 'vitest';
import { isMatch } from './catch-up.ts';

describe('If-None-Match', () => {
  const etag = '"0123456789abcdef:0:7:c"';

  test.each([etag, `W/${etag}`, `"other", ${etag}`, `"other",W/${etag} , "more"`, '*', ' * '])(
    'has the tag in %s',
    (list) => {
      expect(isMatch(list, etag)).toBe(true);
    },
  );

  test.each([undefined, '', '"other"', 'W/"other"', etag.slice(1, -1), `w/${etag}`])(
    'has it not in %s',
    (list) => {
      expect(isMatch(list, etag)).toBe(false);
    },
  );
});

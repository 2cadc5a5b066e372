/** `*` stands for one segment of a path, `**` for any number of them, none included. */
export function matchesPattern(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  let at = 0;
  let next = 0;
  // Where the last `**` stands, and how far it reaches so far: the only place to come back to.
  let star = -1;
  let reach = 0;
  while (next < given.length) {
    const segment = wanted[at];
    if (segment === '**') {
      star = at;
      reach = next;
      at += 1;
    } else if (segment === '*' || (segment !== undefined && segment === given[next])) {
      at += 1;
      next += 1;
    } else if (star !== -1) {
      reach += 1;
      next = reach;
      at = star + 1;
    } else {
      return false;
    }
  }
  while (wanted[at] === '**') at += 1;
  return at === wanted.length;
}

/** What is used of it: it brings no types. */
declare module 'elasticlunr' {
  const elasticlunr: {
    stemmer(word: string): string;
    readonly stopWordFilter: { readonly stopWords: Readonly<Record<string, true>> };
  };
  export default elasticlunr;
}

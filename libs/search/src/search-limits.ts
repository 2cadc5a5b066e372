/** What holds for every index and every query. Those marked as stored are part of what a table means. */
export const searchLimits = {
  /** Stored. Characters of one event that are indexed; the rest is cut, and answers say so. */
  textCharsMax: 32 * 1_024,
  /** Stored. A longer word is no word: what it is made of may be indexed, itself it is not. */
  wordCharsMax: 64,
  /** Stored. A longer path or address is indexed by its parts alone. */
  compoundCharsMax: 128,
  /** Stored. A run of so many characters that mixes letters and digits as base64 does is not indexed. */
  blobCharsMin: 120,
  /** Stored. Of a type, a tool, a level or a status. */
  facetCharsMax: 64,
  /** Stored. Objects and lists in an event that are looked into; more is cut. */
  depthMax: 16,
  queryCharsMax: 4_096,
  /** Terms of one query, those that its words are made of included. */
  queryTermsMax: 256,
  /** A shorter prefix matches half of what there is. */
  prefixCharsMin: 2,
  hitsMax: 1_000,
  /** Events whose text is read to find those with a phrase in one page of an answer. */
  phraseCandidatesMax: 1_000,
} as const;

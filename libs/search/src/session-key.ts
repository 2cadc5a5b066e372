/** A name that is created again is another session: its incarnation is part of what it is here. */
export const sessionKey = (name: string, incarnation: string): string => `${name}\n${incarnation}`;

/** The name alone; the key itself where it has no incarnation. */
export const nameOfSession = (key: string): string => key.split('\n', 1)[0] ?? key;

// What may be a key: it has to go through a header as it is, and must not be guessed.

const keyBytesMin = 24;
const keyBytesMax = 256;
const keyPattern = new RegExp(`^[\\x21-\\x7e]{${keyBytesMin},${keyBytesMax}}$`);

export const keyRule: string = `${keyBytesMin} to ${keyBytesMax} visible ASCII characters, without spaces`;

export const isKey = (text: string): boolean => keyPattern.test(text);

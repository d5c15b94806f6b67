// A log as text to look through. Pure functions.

const kLinesOfBlock = 100;

// Without what colours a terminal.
// eslint-disable-next-line no-control-regex
export const plain = (text: string) => text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, "");

// How many bytes of UTF-8 are there without a character at their end that lacks its own.
export function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); ++back) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return size > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

// Of so many lines each, so that what comes changes the last one alone.
export function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  for (let from = 0; from < text.length; ) {
    let to = from;
    for (let line = 0; line < kLinesOfBlock && to < text.length; ++line) {
      const end = text.indexOf("\n", to);
      to = end < 0 ? text.length : end + 1;
    }
    blocks.push(text.slice(from, to));
    from = to;
  }
  return blocks;
}

// Where the words are, whether large or small letters.
export function matchesOf(text: string, find: string): number[] {
  if (find === "") return [];
  const words = new RegExp(find.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "giu");
  return [...text.matchAll(words)].map(({ index }) => index);
}

// The end of a text that is longer, from the beginning of a line on.
export function endOf(text: string, most: number): string {
  if (text.length <= most) return text;
  const line = text.indexOf("\n", text.length - most);
  return text.slice(line < 0 ? text.length - most : line + 1);
}

/**
 * Lines that show as what they are: no character of theirs moves a cursor or ends a line.
 *
 * @module
 */

const CONTROLS = /[\u0080-\u009f\u2028\u2029]/;

/**
 * JSON lets through C1 controls, which some terminals obey, and U+2028 and U+2029, which some readers take for
 * line breaks. A line of ASCII, as most are, has none of them; ask only of others.
 *
 * @param utf8 - the line's bytes, if they are there: most lines of western languages have none that such begin with
 */
export function printable(line: string, utf8?: Uint8Array): string {
  if (utf8 && !utf8.includes(0xc2) && !utf8.includes(0xe2)) return line;
  if (!CONTROLS.test(line)) return line;
  return line.replaceAll(
    new RegExp(CONTROLS, "gu"),
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

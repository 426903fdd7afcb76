/* oxlint-disable no-control-regex -- control characters are what this file is about */

/** CSI sequences whole, as their rest would be noise; all else one character at a time, so that no text is hidden. */
const unprintable =
  /\u001b\[[0-?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const colour = /^\u001b\[\d{1,2}m$/

/**
 * A text somebody else wrote, made fit for a terminal: without control characters (tab and newline stay) and without
 * those that turn the direction of writing. A terminal takes them for orders: to clear, to retitle, to lie.
 */
export function printable(text: string): string {
  return text.replaceAll(unprintable, '')
}

/** The same for a text that holds our own colours. */
export function printableInColour(text: string): string {
  return text.replaceAll(unprintable, (found) => (colour.test(found) ? found : ''))
}

/** The same for the text of a JSON line, where most control characters are spelt as escapes. */
export function printableJson(line: string): string {
  // Each escape is taken whole: the second backslash of a pair begins none.
  return printable(line).replaceAll(/\\(u[0-9a-fA-F]{4}|.)/g, (found, escape: string) => {
    if (escape.startsWith('u')) return printable(String.fromCharCode(Number.parseInt(escape.slice(1), 16))) && found
    return escape === 'b' || escape === 'f' || escape === 'r' ? '' : found
  })
}

/** JSON for a terminal, with nothing lost: the control characters that JSON leaves as they are become escapes. */
export function escapedJson(json: string): string {
  return json.replaceAll(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (found) => {
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

import {
  appendFileSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { systemCodeOf } from '../../lib/errors.ts'
import { parseObject } from '../../lib/ndjson.ts'

/** No line is longer than this: so much of a file's end holds its last one. */
const tailBytes = 262_144

/** A file that lines with a rising `seq` are appended to. */
export class LineFile {
  readonly path: string
  #bytes: number | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Bytes it has. @throws the system's error */
  get bytes(): number {
    return (this.#bytes ??= sizeOf(this.path))
  }

  /** @throws the system's error; a part of a line may be left then */
  append(text: string): void {
    try {
      appendFileSync(this.path, text, { mode: 0o600 })
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error
      mkdirSync(dirname(this.path), { recursive: true })
      appendFileSync(this.path, text, { mode: 0o600 })
      this.#bytes = 0
    }
    this.#bytes = this.bytes + Buffer.byteLength(text)
  }

  /** Goes on with an empty file; what there is lies under the other name. @throws the system's error */
  moveTo(path: string): void {
    renameSync(this.path, path)
    this.#bytes = 0
  }

  /** The `seq` of its last line; one that a crash has torn is cut off. @throws the system's error */
  lastSeq(): number | undefined {
    let fd: number
    try {
      fd = openSync(this.path, 'r+')
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return undefined
      throw error
    }
    try {
      const { size } = fstatSync(fd)
      const tail = Buffer.alloc(Math.min(size, tailBytes))
      readSync(fd, tail, 0, tail.length, size - tail.length)
      const end = tail.lastIndexOf('\n') + 1
      if (end < tail.length) ftruncateSync(fd, size - tail.length + end)
      const last = tail.toString('utf8', 0, end).trimEnd().split('\n').at(-1) ?? ''
      const seq = parseObject(last)?.['seq']
      return typeof seq === 'number' ? seq : undefined
    } finally {
      closeSync(fd)
    }
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return 0
    throw error
  }
}
